import type { App } from '../app.ts';
import { seconds } from '../labels.ts';
import type { Meter } from '../meter.ts';
import { byId } from './dom.ts';

/** The short readout in the bar and the panel with everything. */
export class Details {
  readonly #app: App;
  readonly #video: HTMLVideoElement;
  readonly #meter: Meter;
  readonly #latency = byId('latency', HTMLElement);
  readonly #buffer = byId('buffer', HTMLElement);
  readonly #panel = byId('details', HTMLDListElement);
  readonly #button = byId('info', HTMLButtonElement);

  constructor(app: App, video: HTMLVideoElement, meter: Meter) {
    this.#app = app;
    this.#video = video;
    this.#meter = meter;
    this.#button.addEventListener('click', () => this.toggle());
  }

  toggle(): void {
    this.#panel.hidden = !this.#panel.hidden;
    this.#button.ariaPressed = String(!this.#panel.hidden);
    this.tick();
  }

  /** A few times a second. */
  tick(): void {
    const position = this.#app.engine?.position() ?? null;
    const latency = position ? (position.wallLatency ?? position.edgeLatency) : null;
    const buffer = this.#meter.bufferAhead();
    const known = this.#app.view === 'playing' && latency !== null;
    this.#latency.textContent = known ? `${seconds(latency)} behind` : '';
    this.#buffer.textContent = known ? `${seconds(buffer)} buffered` : '';
    if (this.#panel.hidden) return;
    const frames = this.#meter.frames();
    this.#show([
      ['Behind the wall clock', seconds(position?.wallLatency ?? null)],
      ['Behind the live edge', `${seconds(position?.edgeLatency ?? null)}, aiming at ${seconds(position?.target ?? null)}`],
      ['Buffered', seconds(buffer)],
      ['Speed', `${this.#video.playbackRate.toFixed(2)} ×`],
      ['Picture', this.#video.videoWidth > 0 ? `${this.#video.videoWidth} × ${this.#video.videoHeight}` : '–'],
      ['Quality', this.#app.engine?.qualities().find((choice) => choice.selected)?.label ?? '–'],
      ['Frames', `${frames.shown} shown, ${frames.dropped} dropped`],
      ['First frame', this.#meter.firstFrameMs === null ? '–' : `${Math.round(this.#meter.firstFrameMs)} ms`],
      ['Stalls', String(this.#meter.stalls)],
      ['Player', this.#app.engine?.name ?? '–'],
    ]);
  }

  #show(rows: readonly (readonly [string, string])[]): void {
    if (this.#panel.childElementCount !== rows.length * 2) {
      this.#panel.replaceChildren(...rows.flatMap(([name]) => [term(name), document.createElement('dd')]));
    }
    const cells = this.#panel.querySelectorAll('dd');
    rows.forEach(([, value], row) => {
      const cell = cells[row];
      if (cell && cell.textContent !== value) cell.textContent = value;
    });
  }
}

function term(name: string): HTMLElement {
  const element = document.createElement('dt');
  element.textContent = name;
  return element;
}
