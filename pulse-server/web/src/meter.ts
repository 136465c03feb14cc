/** Figures about what the viewer has seen so far; they go on through reconnections. */
export class Meter {
  /** From the start of the page's navigation to the first frame on the screen, in ms. */
  firstFrameMs: number | null = null;
  /** How often the picture stopped for want of data after it had started. */
  stalls = 0;
  /** Whether it stands at this moment. */
  stalled = false;

  readonly #video: HTMLVideoElement;
  #started = false;

  constructor(video: HTMLVideoElement, onChange: () => void) {
    this.#video = video;
    const changed = (change: () => void) => () => {
      change();
      onChange();
    };
    video.addEventListener('waiting', changed(() => this.#onWaiting()));
    video.addEventListener('playing', changed(() => this.#onPlaying()));
    for (const event of ['pause', 'emptied', 'ended', 'seeked'] as const) {
      video.addEventListener(event, changed(() => (this.stalled = false)));
    }
  }

  /** The picture stands, or soon will, for a reason that is not ours: the encoder is away, the broadcast is over. */
  excuse(): void {
    this.#started = false;
    if (this.stalled) this.stalls -= 1;
    this.stalled = false;
  }

  /** A new player begins; waiting for its first frame is not a stall. */
  restart(): void {
    this.#started = false;
    this.stalled = false;
    if (this.firstFrameMs !== null) return;
    if ('requestVideoFrameCallback' in this.#video) {
      this.#video.requestVideoFrameCallback((now) => (this.firstFrameMs ??= now));
    } else {
      (this.#video as HTMLVideoElement).addEventListener('playing', () => (this.firstFrameMs ??= performance.now()), { once: true });
    }
  }

  /** Seconds buffered ahead of the playhead without a hole. */
  bufferAhead(): number {
    const { buffered, currentTime } = this.#video;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.start(i) <= currentTime + 0.05 && buffered.end(i) > currentTime) return buffered.end(i) - currentTime;
    }
    return 0;
  }

  frames(): { readonly shown: number; readonly dropped: number } {
    const { totalVideoFrames, droppedVideoFrames } = this.#video.getVideoPlaybackQuality();
    return { shown: totalVideoFrames - droppedVideoFrames, dropped: droppedVideoFrames };
  }

  #onWaiting(): void {
    // A seek, also the one to the start position, waits by its nature.
    if (!this.#started || this.#video.seeking || this.#video.paused) return;
    if (!this.stalled) this.stalls += 1;
    this.stalled = true;
  }

  #onPlaying(): void {
    this.#started = true;
    this.stalled = false;
  }
}
