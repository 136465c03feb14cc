import type { Engine } from './engine.ts';
import type { Meter } from './meter.ts';
import type { View } from './recovery.ts';

/** `window.pulse`: what the page knows, for tests and for the browser's console. Read only; every read is fresh. */
export interface PulseDebug {
  readonly streamId: string;
  readonly state: View;
  readonly paused: boolean;
  /** `null` between two players. */
  readonly engine: Engine['name'] | null;
  /** Seconds behind the wall clock by EXT-X-PROGRAM-DATE-TIME, or behind the live edge where the clocks disagree. */
  readonly latency: number | null;
  /** Seconds behind the live edge, and what the player aims for. */
  readonly edgeLatency: number | null;
  readonly targetLatency: number | null;
  /** From the start of the navigation to the first frame, in ms. */
  readonly firstFrameMs: number | null;
  /** Times the picture stopped for want of data, reconnections aside. */
  readonly stalls: number;
  /** Seconds. */
  readonly bufferAhead: number;
  readonly playbackRate: number;
  readonly droppedFrames: number;
  /** Players made so far: 1 in an undisturbed life of the page. */
  readonly players: number;
  /** Why the last player ended, empty if none did. */
  readonly lastFailure: string;
}

/** What `debugView` reads from. */
export interface Watched {
  readonly streamId: string;
  readonly view: View;
  readonly engine: Engine | null;
  readonly players: number;
  readonly lastFailure: string;
}

export function debugView(watched: Watched, video: HTMLVideoElement, meter: Meter): PulseDebug {
  const position = () => watched.engine?.position() ?? null;
  return Object.freeze({
    get streamId() { return watched.streamId; },
    get state() { return watched.view; },
    get paused() { return video.paused; },
    get engine() { return watched.engine?.name ?? null; },
    get latency() { return position()?.wallLatency ?? position()?.edgeLatency ?? null; },
    get edgeLatency() { return position()?.edgeLatency ?? null; },
    get targetLatency() { return position()?.target ?? null; },
    get firstFrameMs() { return meter.firstFrameMs; },
    get stalls() { return meter.stalls; },
    get bufferAhead() { return meter.bufferAhead(); },
    get playbackRate() { return video.playbackRate; },
    get droppedFrames() { return meter.frames().dropped; },
    get players() { return watched.players; },
    get lastFailure() { return watched.lastFailure; },
  });
}

declare global {
  interface Window {
    pulse: PulseDebug;
  }
}
