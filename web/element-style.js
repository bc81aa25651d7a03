/**
 * The looks of `<pinhole-player>`; those of its card stand in panel-style.js. A constructed style
 * sheet, because a strict content security policy forbids inline styles but not these.
 */
import { CARD } from './panel-style.js';

const CSS = `
:host {
  display: block; position: relative; overflow: hidden; container-type: size;
  background: var(--pinhole-background, #000); color: #e8ebef;
  font: 13px/1.5 var(--pinhole-font, system-ui, sans-serif);
  aspect-ratio: var(--pinhole-aspect, auto);
}
:host([hidden]) { display: none; }
.frame { height: 100%; }
video, canvas { display: block; width: 100%; height: 100%; object-fit: contain; }
video { transition: opacity .4s; }
canvas { position: absolute; inset: 0; visibility: hidden; opacity: .35; }
.away video { opacity: .35; }
.fresh video, .kept video { opacity: 0; transition: none; }
.kept canvas { visibility: visible; }

.notice {
  position: absolute; inset: 0; display: flex; flex-direction: column; gap: 16px;
  align-items: flex-start; padding: 14px; pointer-events: none;
}
.away .notice {
  align-items: center; justify-content: center; padding: 24px; pointer-events: auto;
}
.status {
  display: flex; flex-direction: column; gap: 14px; align-items: center; text-align: center;
  opacity: 0; transition: opacity .25s;
}
/* Shown with a delay: what lasts a moment only is not worth reading. */
.away .status { opacity: 1; transition-delay: .15s; }
.words {
  font-size: 15px; max-width: 34em; overflow-wrap: anywhere; text-wrap: balance;
  text-shadow: 0 1px 8px #000c;
}
.ring {
  width: 26px; height: 26px; border-radius: 50%; flex: none;
  border: 2px solid #ffffff2e; border-top-color: #9cc4ff; animation: turn 1s linear infinite;
}
.still .ring { display: none; }
.told .status { flex-direction: row; gap: 10px; }
.told .words { font-size: 13px; color: #b6c0cb; }
.told .ring { width: 14px; height: 14px; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .ring { animation-duration: 4s; } }

.start {
  display: none; width: 72px; height: 72px; border-radius: 50%; cursor: pointer;
  border: 1px solid #ffffff40; background: #10151ccc; padding: 0;
}
.start svg { display: block; margin: auto; fill: #e8ebef; transform: translateX(2px); }
.blocked .start { display: block; }
.start:focus-visible { outline: 2px solid #9cc4ff; outline-offset: 3px; }

.overlay {
  position: absolute; right: 14px; bottom: 14px; margin: 0; padding: 9px 13px;
  display: none; grid-template-columns: auto auto; gap: 1px 14px;
  font-size: 12px; line-height: 1.5; font-variant-numeric: tabular-nums;
  background: #0b0f14c9; border: 1px solid #ffffff14; border-radius: 9px;
  backdrop-filter: blur(10px); -webkit-backdrop-filter: blur(10px); pointer-events: none;
}
:host([overlay]) .overlay:not(:empty) { display: grid; }
.overlay dt { color: #94a0ae; }
.overlay dd { margin: 0; text-align: right; }
.overlay .bad { color: #ffc27a; }
.overlay .part { font-size: 11px; line-height: 1.35; color: #94a0ae; }
.overlay dt.part { padding-left: 10px; }

${CARD}
@container (max-width: 480px) {
  .overlay { left: 8px; right: 8px; bottom: 8px; font-size: 11px; padding: 7px 10px;
    grid-template-columns: auto 1fr auto 1fr; gap: 1px 10px; }
}
`;

let sheet = null;

/** The style sheet, made once for all players of a page. */
export function playerStyle() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
