/**
 * The card that says what is wrong: a sentence, what the viewer can do, the code with its page in
 * the docs, and, from a server on this machine, what to do there and why. In the middle while there
 * is no picture, in a corner and to be put away while there is one.
 */
import { make } from './make.js';

/** One card; `element` is to be placed, `show` fills it. */
export class DiagnosisPanel {
  element;
  #parts;
  /** The code that was put away; another one shows the card again. */
  #away = null;
  #code = null;

  constructor() {
    const p = (className) => make('p', { className });
    const close = make('button', { className: 'close', type: 'button', textContent: '×' });
    close.setAttribute('aria-label', 'put away');
    close.addEventListener('click', () => this.#putAway());
    const code = make('a', { className: 'code', target: '_blank', rel: 'noopener' });
    const evidence = make('ul');
    const details = make('details', {}, [make('summary', { textContent: 'What was seen' }), evidence]);
    const fix = p('fix');
    const operator = make('div', { className: 'operator' }, [p('who'), fix, details]);
    operator.firstChild.textContent = 'At the server';
    this.#parts = { sentence: p('sentence'), advice: p('advice'), fix, evidence, details, operator, code };
    const { sentence, advice } = this.#parts;
    this.element = make('section', { className: 'card', hidden: true },
      [close, sentence, advice, operator, make('p', { className: 'foot' }, [code])]);
    this.element.part = 'diagnosis';
    this.element.setAttribute('role', 'status');
    this.element.setAttribute('aria-live', 'polite');
    // What is read, selected and opened here is no click on the picture.
    for (const name of ['click', 'dblclick']) {
      this.element.addEventListener(name, (event) => event.stopPropagation());
    }
  }

  /** Whether it is seen. */
  get shown() {
    return !this.element.hidden;
  }

  /** Shows a diagnosis of the player's, or with null nothing. */
  show(diagnosis) {
    const { sentence, advice, fix, evidence, details, operator, code } = this.#parts;
    this.#code = diagnosis && `${diagnosis.code} ${diagnosis.sentence}`;
    if (this.#code !== this.#away) this.#away = null;
    this.element.hidden = !diagnosis || this.#away !== null;
    if (!diagnosis) return;
    this.element.dataset.severity = diagnosis.severity;
    sentence.textContent = diagnosis.sentence;
    // Whoever reads the fix is the one to be told.
    advice.textContent = diagnosis.fix ? '' : diagnosis.advice;
    fix.textContent = diagnosis.fix;
    operator.hidden = !diagnosis.fix;
    evidence.replaceChildren(...diagnosis.evidence.map((line) => make('li', { textContent: line })));
    details.hidden = diagnosis.evidence.length === 0;
    code.textContent = diagnosis.code;
    code.href = diagnosis.page;
    code.parentNode.hidden = !diagnosis.code;
  }

  #putAway() {
    this.#away = this.#code;
    this.element.hidden = true;
  }
}
