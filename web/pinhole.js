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
 * `report.js` tells the server what this browser sees, `diagnosis.js` reads what it answers; those two,
 * `clock.js`, `stats.js`, `retry.js` and `words.js` are pure or nearly so, and tested without a browser;
 * `element.js` and `panel.js` draw, each with its style.
 */
import { PinholeElement } from './element.js';

export { PinholePlayer } from './player.js';
export { PinholeElement };

if (!customElements.get('pinhole-player')) customElements.define('pinhole-player', PinholeElement);
