import type { Failure } from './recovery.ts';

/** An entry of the quality or the audio menu. */
export interface Choice {
  readonly id: number;
  readonly label: string;
  readonly selected: boolean;
}

/** Distances in seconds. */
export interface Position {
  /** Behind the wall clock, by EXT-X-PROGRAM-DATE-TIME; `null` where the stream or the clocks do not allow it. */
  readonly wallLatency: number | null;
  /** Behind the live edge of the playlist. */
  readonly edgeLatency: number;
  /** What `edgeLatency` should be. */
  readonly target: number;
}

/** What an engine reports. Each call is about the engine as a whole; after `failed` or `ended` none follows. */
export interface EngineEvents {
  failed(failure: Failure, reason: string): void;
  /** ENDLIST has been played to its end, or was there from the start. */
  ended(): void;
  /** The newest part is a gap, or no longer one. */
  encoder(away: boolean): void;
  /** The playlists hint at renditions that the multivariant playlist did not have. */
  renditionsMayDiffer(): void;
  /** The menus have other entries. */
  choices(): void;
}

/** Plays one multivariant playlist into one video element until it is destroyed. */
export interface Engine {
  readonly name: 'hls.js' | 'native';
  position(): Position | null;
  /** Empty where the engine decides alone. */
  qualities(): Choice[];
  selectQuality(id: number): void;
  audioTracks(): Choice[];
  selectAudio(id: number): void;
  /** To the live edge, less the target latency, and stays there. */
  goLive(): void;
  /** The viewer paused or went back: do not catch up until `goLive`. */
  leaveLive(): void;
  destroy(): void;
}
