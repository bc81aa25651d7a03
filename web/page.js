/** The page that the server shows at `/`: one player, the state beside the title, two buttons. */
import './pinhole.js';

const query = new URLSearchParams(location.search);
const byId = (id) => document.getElementById(id);
const FIGURES_KEY = 'pinhole-figures';

const element = document.createElement('pinhole-player');
element.setAttribute('src', query.has('whep') ? '/whep' : '/ws');
if (query.get('token')) element.setAttribute('token', query.get('token'));
element.toggleAttribute('relay-only', query.has('relay'));

/** Private windows may refuse storage; the choice then lasts as long as the page. */
function remembered() {
  try {
    return localStorage.getItem(FIGURES_KEY) !== 'off';
  } catch {
    return true;
  }
}

function showFigures(shown) {
  element.toggleAttribute('overlay', shown);
  byId('figures').setAttribute('aria-pressed', String(shown));
  try {
    localStorage.setItem(FIGURES_KEY, shown ? 'on' : 'off');
  } catch {
    // As above.
  }
}

function toggleFigures() {
  showFigures(!element.hasAttribute('overlay'));
}

function toggleFullscreen() {
  if (document.fullscreenElement) return document.exitFullscreen();
  if (element.requestFullscreen) return element.requestFullscreen().catch(() => {});
  // iPhones only enlarge the video itself.
  element.player.video.webkitEnterFullscreen?.();
}

const KEYS = { s: toggleFigures, f: toggleFullscreen };

document.addEventListener('keydown', ({ key, ctrlKey, metaKey, altKey, repeat }) => {
  if (ctrlKey || metaKey || altKey || repeat) return;
  KEYS[key.toLowerCase()]?.();
});
byId('figures').addEventListener('click', toggleFigures);
byId('fullscreen').addEventListener('click', toggleFullscreen);
element.addEventListener('dblclick', toggleFullscreen);
element.addEventListener('state', ({ detail: { state, text } }) => {
  byId('dot').dataset.state = state;
  // While there is no picture, the player says it in its place.
  byId('about').textContent = state === 'playing' ? text : '';
  document.title = state === 'playing' ? 'Pinhole' : `Pinhole: ${text}`;
});

showFigures(remembered());
byId('stage').append(element);
// For the console, and for tests.
window.pinhole = element.player;
