import type { App } from '../app.ts';
import { byId, setIcon } from './dom.ts';
import { Menu } from './menus.ts';
import { Sound } from './sound.ts';

/** The controls go after this time without a movement. */
const IDLE_MS = 3_000;

/** Within this distance of the target latency the viewer is live. */
const LIVE_WITHIN_S = 1.5;

/** The bar below the picture. */
export class Controls {
  readonly sound: Sound;
  readonly #app: App;
  readonly #video: HTMLVideoElement;
  readonly #player = byId('player', HTMLElement);
  readonly #play = byId('play', HTMLButtonElement);
  readonly #start = byId('start', HTMLButtonElement);
  readonly #live = byId('live', HTMLButtonElement);
  readonly #pip = byId('pip', HTMLButtonElement);
  readonly #fullscreen = byId('fullscreen', HTMLButtonElement);
  readonly #quality: Menu;
  readonly #audio: Menu;
  #idleTimer = 0;

  constructor(app: App, video: HTMLVideoElement) {
    this.#app = app;
    this.#video = video;
    this.sound = new Sound(video);
    this.#quality = new Menu('quality', (id) => app.engine?.selectQuality(id));
    this.#audio = new Menu('audio', (id) => app.engine?.selectAudio(id));
    this.#play.addEventListener('click', () => this.togglePlay());
    this.#start.addEventListener('click', () => this.togglePlay());
    this.#live.addEventListener('click', () => this.goLive());
    this.#bindPicture();
    this.#bindPip();
    this.#bindFullscreen();
    this.#bindIdle();
    for (const event of ['play', 'pause', 'emptied'] as const) video.addEventListener(event, () => this.#showPlay());
    this.#showPlay();
    this.showChoices();
  }

  togglePlay(): void {
    if (this.#app.engine) this.#app.togglePlay();
  }

  goLive(): void {
    this.#app.engine?.goLive();
    if (this.#video.paused) this.togglePlay();
  }

  /** @param by seconds, within what is buffered or still in the playlist */
  seek(by: number): void {
    const { seekable, currentTime } = this.#video;
    if (seekable.length === 0) return;
    const [start, end] = [seekable.start(0), seekable.end(seekable.length - 1)];
    const target = currentTime + by;
    if (target >= end - LIVE_WITHIN_S) {
      this.goLive();
      return;
    }
    this.#app.engine?.leaveLive();
    this.#video.currentTime = Math.max(target, start);
  }

  async toggleFullscreen(): Promise<void> {
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (this.#player.requestFullscreen) await this.#player.requestFullscreen();
    // iPhones can only do it with the bare video.
    else (this.#video as HTMLVideoElement & { webkitEnterFullscreen?: () => void }).webkitEnterFullscreen?.();
  }

  async togglePip(): Promise<void> {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else if (this.#video.readyState > 0) await this.#video.requestPictureInPicture();
  }

  showChoices(): void {
    this.#play.disabled = this.#app.engine === null;
    this.#quality.offer(this.#app.engine?.qualities() ?? [], 1);
    this.#audio.offer(this.#app.engine?.audioTracks() ?? [], 2);
  }

  /** Neither with sound nor without: a click is needed. */
  offerStart(blocked: boolean): void {
    this.#start.hidden = !blocked;
  }

  /** A few times a second. */
  tick(): void {
    const position = this.#app.engine?.position();
    const playing = this.#app.view === 'playing' && !this.#video.paused;
    const live = playing && position != null && position.edgeLatency - position.target < LIVE_WITHIN_S;
    this.#live.dataset['live'] = String(live);
    this.#live.textContent = live ? 'Live' : 'Go live';
    this.#live.disabled = this.#app.engine === null;
    this.#live.ariaLabel = live ? 'At the live edge' : 'Go to the live edge';
  }

  #showPlay(): void {
    const { paused } = this.#video;
    setIcon(this.#play, paused ? 'play' : 'pause');
    this.#play.ariaLabel = paused ? 'Play' : 'Pause';
    if (!paused) this.#start.hidden = true;
    this.#wake();
  }

  #bindPicture(): void {
    this.#video.addEventListener('click', (event) => {
      // A finger first of all wants to see the controls.
      const touch = event instanceof PointerEvent && event.pointerType === 'touch';
      if (touch) this.#wake();
      else this.togglePlay();
    });
    this.#video.addEventListener('dblclick', () => void this.toggleFullscreen());
  }

  #bindPip(): void {
    this.#pip.hidden = !document.pictureInPictureEnabled;
    this.#pip.addEventListener('click', () => void this.togglePip().catch(() => undefined));
  }

  #bindFullscreen(): void {
    this.#fullscreen.hidden = !document.fullscreenEnabled && !('webkitEnterFullscreen' in this.#video);
    this.#fullscreen.addEventListener('click', () => void this.toggleFullscreen().catch(() => undefined));
    document.addEventListener('fullscreenchange', () => {
      const full = document.fullscreenElement !== null;
      setIcon(this.#fullscreen, full ? 'shrink' : 'expand');
      this.#fullscreen.ariaLabel = full ? 'Leave full screen' : 'Full screen';
    });
  }

  #bindIdle(): void {
    for (const event of ['pointermove', 'pointerdown', 'keydown', 'focusin'] as const) {
      this.#player.addEventListener(event, () => this.#wake());
    }
    this.#player.addEventListener('pointerleave', (event) => {
      if (event.pointerType === 'mouse') this.#rest();
    });
    this.#wake();
  }

  #wake(): void {
    this.#player.dataset['idle'] = 'false';
    window.clearTimeout(this.#idleTimer);
    this.#idleTimer = window.setTimeout(() => this.#rest(), IDLE_MS);
  }

  #rest(): void {
    const busy = this.#video.paused || this.#quality.open || this.#audio.open || this.#app.view !== 'playing';
    this.#player.dataset['idle'] = String(!busy);
  }
}
