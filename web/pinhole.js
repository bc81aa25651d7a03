/**
 * The Pinhole player, an ES module without dependencies and without a build step.
 *
 * As an element:  <script type="module" src="/pinhole.js"></script>
 *                 <pinhole-player src="/ws" overlay></pinhole-player>
 * As a class:     import { PinholePlayer } from '/pinhole.js';
 *                 const player = new PinholePlayer({ signaling: '/whep', video });
 *                 player.addEventListener('state', (e) => console.log(e.detail.text));
 *                 player.connect();
 *
 * How it is cut: `player.js` keeps one session alive and counts its retries; `session.js` is one
 * peer connection from offer to end; `signaling-ws.js` and `signaling-whep.js` carry its messages;
 * `clock.js`, `stats.js`, `retry.js` and `words.js` are pure and tested without a browser;
 * `element.js` and `element-style.js` draw.
 */
import { PinholeElement } from './element.js';

export { PinholePlayer } from './player.js';
export { PinholeElement };

if (!customElements.get('pinhole-player')) customElements.define('pinhole-player', PinholeElement);
