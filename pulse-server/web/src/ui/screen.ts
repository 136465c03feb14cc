import type { App } from '../app.ts';
import type { Meter } from '../meter.ts';
import { byId } from './dom.ts';
import { badgeFor, wordsFor } from './words.ts';

/** A stall shorter than this passes without a spinner. */
const SPINNER_AFTER_MS = 300;

/** A wait shorter than this is not worth a countdown. */
const COUNTDOWN_FROM_MS = 2_500;

/** What lies over the picture: the card that says how the stream is, and the spinner of a stall. */
export class Screen {
  readonly #app: App;
  readonly #meter: Meter;
  readonly #player = byId('player', HTMLElement);
  readonly #badge = byId('badge', HTMLElement);
  readonly #card = byId('card', HTMLElement);
  readonly #title = byId('card-title', HTMLElement);
  readonly #text = byId('card-text', HTMLElement);
  readonly #retry = byId('card-retry', HTMLElement);
  readonly #button = byId('card-button', HTMLButtonElement);
  readonly #spinner = byId('spinner', HTMLElement);
  #stalledSince: number | null = null;

  constructor(app: App, meter: Meter) {
    this.#app = app;
    this.#meter = meter;
    this.#button.addEventListener('click', () => app.wake());
  }

  /** Follows a change of the view. */
  show(): void {
    const { view, detail, invited } = this.#app;
    const words = wordsFor(view, detail, invited);
    this.#player.dataset['view'] = view;
    this.#badge.dataset['view'] = view;
    setText(this.#badge, badgeFor(view));
    this.#card.hidden = words === null;
    if (words) {
      setText(this.#title, words.title);
      setText(this.#text, words.text);
      this.#button.hidden = words.button === null;
      if (words.button !== null) setText(this.#button, words.button);
    }
    this.tick();
  }

  /** Renews what changes with time alone; called a few times a second. */
  tick(): void {
    const now = performance.now();
    const leftMs = (this.#app.nextTryAt ?? 0) - now;
    setText(this.#retry, leftMs > COUNTDOWN_FROM_MS ? `Next try in ${Math.ceil(leftMs / 1000)} s` : '');
    const stalled = this.#meter.stalled && this.#app.view === 'playing';
    this.#stalledSince = stalled ? (this.#stalledSince ?? now) : null;
    this.#spinner.hidden = this.#stalledSince === null || now - this.#stalledSince < SPINNER_AFTER_MS;
  }
}

/** Leaves an unchanged text alone, so that a live region does not read it out again. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
