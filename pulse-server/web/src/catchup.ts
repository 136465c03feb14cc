/** What the catch-up decides on, all in seconds. */
export interface Reading {
  /** Distance of the playhead from the live edge. */
  readonly latency: number;
  /** The distance to aim for, see `targetOf`. */
  readonly target: number;
  /** Buffered ahead of the playhead. */
  readonly buffer: number;
  /** Whether the viewer wants to be at the live edge (has not paused or gone back). */
  readonly following: boolean;
  /** Within the first moments, when a skip is not yet noticed as one. */
  readonly fresh: boolean;
  /** The rate in force. */
  readonly rate: number;
}

export type Move = { readonly kind: 'rate'; readonly rate: number } | { readonly kind: 'jump' };

/** Fastest catch-up; hls.js's `maxLiveSyncPlaybackRate` in meaning. Speech stays natural at this rate. */
export const MAX_RATE = 1.1;

/** Rate while the buffer is nearly dry: a tenth of a second won here is a stall less. */
const MIN_RATE = 0.95;

/** Above the server's PART-HOLD-BACK: room for a late part. */
export const CUSHION = 0.15;

/** Catch-up begins this far behind the target and ends this close to it, so that the rate does not flutter. */
const BEGIN = 0.1;
const DONE = 0.03;

/** Below this buffer the rate goes down, and below twice this it does not go up. */
const DRY = 0.12;

/** Further behind than this (a sleeping laptop, a long stall), a jump is kinder than minutes at a higher rate. */
const JUMP = 5;

/** A slow start is made good by one jump from this far behind, if that leaves this much buffered. */
const FRESH_JUMP = 0.7;
const FRESH_BUFFER = 0.3;

/** The latency to aim for, from what the playlist asks for (PART-HOLD-BACK plus what hls.js added after stalls). */
export function targetOf(holdBack: number): number {
  return holdBack + CUSHION;
}

/**
 * The next move of the gentle catch-up. hls.js has one of its own, but that acts only while more
 * than a second is buffered, which a viewer 0.7 s behind the live edge never has.
 */
export function nextMove({ latency, target, buffer, following, fresh, rate }: Reading): Move {
  const behind = latency - target;
  if (!following) return { kind: 'rate', rate: 1 };
  if (behind > JUMP) return { kind: 'jump' };
  if (fresh && behind > FRESH_JUMP && buffer - behind > FRESH_BUFFER) return { kind: 'jump' };
  if (buffer < DRY) return { kind: 'rate', rate: MIN_RATE };
  const wanted = behind > BEGIN || (rate > 1 && behind > DONE);
  if (!wanted || buffer < 2 * DRY) return { kind: 'rate', rate: 1 };
  return { kind: 'rate', rate: Math.min(1.03 + Math.round(behind * 8) / 100, MAX_RATE) };
}
