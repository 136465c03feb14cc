import { byId, setIcon } from './dom.ts';

const STORED = 'pulse.volume';

/** Mute, volume and their memory from visit to visit; the button that brings sound back after a muted start. */
export class Sound {
  readonly #video: HTMLVideoElement;
  readonly #mute = byId('mute', HTMLButtonElement);
  readonly #slider = byId('volume', HTMLInputElement);
  readonly #unmute = byId('unmute', HTMLButtonElement);

  constructor(video: HTMLVideoElement) {
    this.#video = video;
    video.volume = storedVolume();
    this.#mute.addEventListener('click', () => this.toggle());
    this.#unmute.addEventListener('click', () => this.toggle());
    this.#slider.addEventListener('input', () => this.#set(Number(this.#slider.value) / 100));
    video.addEventListener('volumechange', () => this.#show());
    this.#show();
  }

  toggle(): void {
    this.#video.muted = !this.#video.muted;
    if (!this.#video.muted && this.#video.volume === 0) this.#set(0.5);
  }

  /** @param by from -1 to 1 */
  change(by: number): void {
    this.#set(Math.min(Math.max(this.#video.volume + by, 0), 1));
  }

  /** The browser allowed the start only without sound. */
  offerUnmute(): void {
    this.#unmute.hidden = !this.#video.muted;
  }

  #set(volume: number): void {
    this.#video.volume = volume;
    this.#video.muted = volume === 0;
    try {
      localStorage.setItem(STORED, String(volume));
    } catch {
      // Storage may be forbidden; then the volume is forgotten.
    }
  }

  #show(): void {
    const silent = this.#video.muted || this.#video.volume === 0;
    setIcon(this.#mute, silent ? 'muted' : 'sound');
    this.#mute.ariaLabel = silent ? 'Unmute' : 'Mute';
    this.#slider.value = String(silent ? 0 : Math.round(this.#video.volume * 100));
    if (!silent) this.#unmute.hidden = true;
  }
}

function storedVolume(): number {
  try {
    const stored = Number(localStorage.getItem(STORED) ?? '1');
    return stored > 0 && stored <= 1 ? stored : 1;
  } catch {
    return 1;
  }
}
