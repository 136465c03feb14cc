import type { Choice, Engine, EngineEvents, Position } from './engine.ts';
import type { Manifest } from './probe.ts';

/** A wall clock further off than this says more about the viewer's clock than about the stream. */
const MAX_PLAUSIBLE_S = 60;

/**
 * The browser's own HLS, for iPhones and others without Media Source Extensions. Qualities, audio
 * and the distance to the live edge are the browser's to decide.
 */
export class NativeEngine implements Engine {
  readonly name = 'native';
  readonly #video: HTMLVideoElement & { getStartDate?: () => Date };
  readonly #listening = new AbortController();

  constructor(video: HTMLVideoElement, manifest: Manifest, events: EngineEvents) {
    this.#video = video;
    const { signal } = this.#listening;
    video.addEventListener('ended', () => events.ended(), { signal, once: true });
    video.addEventListener(
      'error',
      () => {
        const network = video.error?.code === MediaError.MEDIA_ERR_NETWORK;
        events.failed(network ? 'network' : 'media', video.error?.message ?? 'media error');
      },
      { signal, once: true },
    );
    video.src = manifest.url;
  }

  static playsHere(video: HTMLVideoElement): boolean {
    return video.canPlayType('application/vnd.apple.mpegurl') !== '';
  }

  position(): Position | null {
    const { seekable, currentTime } = this.#video;
    if (seekable.length === 0) return null;
    const edgeLatency = seekable.end(seekable.length - 1) - currentTime;
    const startMs = this.#video.getStartDate?.().getTime() ?? NaN;
    const wall = (Date.now() - startMs) / 1000 - currentTime;
    return { wallLatency: Math.abs(wall) < MAX_PLAUSIBLE_S ? wall : null, edgeLatency, target: edgeLatency };
  }

  qualities(): Choice[] {
    return [];
  }

  selectQuality(): void {}

  audioTracks(): Choice[] {
    return [];
  }

  selectAudio(): void {}

  goLive(): void {
    const { seekable } = this.#video;
    if (seekable.length > 0) this.#video.currentTime = seekable.end(seekable.length - 1);
  }

  leaveLive(): void {}

  destroy(): void {
    this.#listening.abort();
    this.#video.removeAttribute('src');
    this.#video.load();
  }
}
