/** The looks of the card that says what is wrong, light and dark, wide and narrow. */
export const CARD = `
.card {
  --ground: #141a22f2; --edge: #ffffff1f; --text: #e8ebef; --quiet: #a3afbd; --soft: #ffffff0d;
  --link: #9cc4ff; --mark: #ef8a84; --shadow: #000a;
  position: relative; box-sizing: border-box; width: min(34rem, 100%); max-height: 100%; min-height: 0;
  overflow: auto; padding: 18px 22px 16px; text-align: left; cursor: auto;
  color: var(--text); background: var(--ground); border: 1px solid var(--edge); border-radius: 12px;
  box-shadow: 0 12px 40px var(--shadow); pointer-events: auto; overflow-wrap: anywhere;
  animation: appear .3s ease-out;
}
.card[hidden], .card [hidden] { display: none; }
.card[data-severity="degraded"] { --mark: #e8b860; }
@media (prefers-color-scheme: light) {
  .card {
    --ground: #fffffff7; --edge: #00000014; --text: #1a2129; --quiet: #566270; --soft: #0f1a2a0a;
    --link: #1f63c8; --mark: #c8403a; --shadow: #0006;
  }
  .card[data-severity="degraded"] { --mark: #b97a10; }
}
@keyframes appear { from { opacity: 0; transform: translateY(4px); } }
@media (prefers-reduced-motion: reduce) { .card { animation: none; } }

.card p { margin: 0; }
.card .sentence { font-size: 16px; line-height: 1.45; font-weight: 600; text-wrap: pretty; }
.card .advice { margin-top: 8px; font-size: 14px; text-wrap: pretty; }
.card .advice:empty { display: none; }
.card .operator {
  margin-top: 14px; padding: 11px 14px; border-radius: 8px; background: var(--soft);
  font-size: 13px; color: var(--text);
}
.card .who { font-size: 11.5px; color: var(--quiet); margin-bottom: 3px; }
.card .fix { user-select: text; }
.card details { margin-top: 8px; color: var(--quiet); font-size: 12px; }
.card summary { cursor: pointer; width: max-content; }
.card ul { margin: 6px 0 0; padding-left: 16px; font-variant-numeric: tabular-nums; }
.card li { margin: 2px 0; }
.card .foot { margin-top: 13px; font-size: 12px; }
.card .code { color: var(--quiet); text-decoration: none; }
.card .code::before {
  content: ""; display: inline-block; width: 7px; height: 7px; border-radius: 50%;
  margin-right: 8px; background: var(--mark); vertical-align: 1px;
}
.card .code::after { content: " ›"; }
.card .code:hover { color: var(--link); text-decoration: underline; }
.card :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 4px; }
.card .close {
  display: none; float: right; margin: -6px -10px 0 8px; width: 30px; height: 30px; padding: 0;
  font: 20px/1 system-ui, sans-serif; color: var(--quiet); background: none; border: 0; cursor: pointer;
}
.card .close:hover { color: var(--text); }

/* Over a picture that plays: smaller, in its corner, and to be put away. */
.frame:not(.away) .card { width: min(25rem, 100%); padding: 12px 16px 11px; max-height: 60%; }
.frame:not(.away) .card .sentence { font-size: 13.5px; }
.frame:not(.away) .card .advice { font-size: 12.5px; margin-top: 4px; }
.frame:not(.away) .card .operator { margin-top: 9px; padding: 8px 11px; font-size: 12px; }
.frame:not(.away) .card .foot { margin-top: 8px; }
.frame:not(.away) .card .close { display: block; }

@container (max-width: 480px) {
  .notice { padding: 8px; }
  .away .notice { padding: 12px; }
  .card { padding: 15px 16px 13px; }
  .card .sentence { font-size: 15px; }
}
@container (max-height: 360px) {
  .away .notice { padding: 8px; gap: 8px; }
  .card { padding: 11px 15px; }
  .card .sentence { font-size: 14px; }
  .card .advice { font-size: 13px; margin-top: 4px; }
  .card .operator, .card .foot { margin-top: 8px; }
}
`;
