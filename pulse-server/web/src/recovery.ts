import type { Answer, Manifest } from './probe.ts';

/** What the page shows. The names are also the values of `window.pulse.state`. */
export type View =
  | 'loading'
  /** Accepted by the server, no picture yet. */
  | 'starting'
  | 'playing'
  /** The encoder is away and the server fills the playlist with gaps until it returns. */
  | 'interrupted'
  /** The server or the way to it is gone, or the session ended. */
  | 'reconnecting'
  | 'offline'
  | 'unknown'
  | 'ended'
  /** Live with a codec that HLS or this browser cannot do. */
  | 'unsupported'
  /** There is no token, or one that is not good for this stream. */
  | 'denied'
  /** What was watched may not be watched any more: the token has ended or was withdrawn. */
  | 'withdrawn'
  /** The stream, or its plan, takes no more viewers at this moment. */
  | 'full';

/** Why the player gave up. */
export type Failure =
  /** hls.js has no retry left, or did not try: it never retries a refused connection or a 4xx. */
  | 'network'
  /** A 4xx below the multivariant playlist: the session handle is over, a new one is one request away. */
  | 'refused'
  /** 429 below the multivariant playlist: there is no place among the viewers. */
  | 'full'
  /** The browser's decoder or the buffers failed. */
  | 'media'
  /** Nothing was shown for too long although nothing failed. */
  | 'stuck';

export type Input =
  | { readonly kind: 'begin' }
  | { readonly kind: 'answer'; readonly answer: Answer | Unplayable }
  | { readonly kind: 'playing' }
  | { readonly kind: 'encoder'; readonly away: boolean }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** The stream offers other renditions than this player knows (a late audio track). */
  | { readonly kind: 'changed'; readonly manifest: Manifest }
  | { readonly kind: 'ended' }
  /** The deadline has come. */
  | { readonly kind: 'due' }
  /** The network is back, the tab is in front again or the viewer pressed a button: do not wait. */
  | { readonly kind: 'wake' };

/** Live and packaged, but with codecs that this browser has no decoder for. */
export interface Unplayable {
  readonly kind: 'unplayable';
  readonly detail: string;
}

export type Command =
  | { readonly kind: 'probe'; readonly lookForEnd: boolean }
  | { readonly kind: 'play'; readonly manifest: Manifest }
  | { readonly kind: 'stop' };

interface Wait {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor: number;
}

/** How long to wait before asking again. Quick where the viewer was watching, gentle where thousands may sit and wait. */
const WAITS = {
  reconnecting: { firstMs: 500, maxMs: 5_000, factor: 1.4 },
  offline: { firstMs: 2_000, maxMs: 15_000, factor: 1.5 },
  ended: { firstMs: 3_000, maxMs: 15_000, factor: 1.5 },
  unknown: { firstMs: 5_000, maxMs: 60_000, factor: 2 },
  denied: { firstMs: 15_000, maxMs: 120_000, factor: 2 },
  withdrawn: { firstMs: 15_000, maxMs: 120_000, factor: 2 },
  full: { firstMs: 3_000, maxMs: 30_000, factor: 1.4 },
  unsupported: { firstMs: 15_000, maxMs: 60_000, factor: 1.5 },
} as const satisfies Partial<Record<View, Wait>>;

/** Spread of every wait, so that the audience of a restarted server does not come back in one instant. */
const JITTER = 0.25;

/** The first try after a failure that looks curable at once comes within this time. */
const FIRST_TRY_MS = 300;

/** Playing this long means that the last recovery worked; the next failure starts with short waits again. */
const STABLE_MS = 10_000;

/** A player that shows nothing for this long after its start is replaced. */
const START_TIMEOUT_MS = 20_000;

/**
 * Decides what the page shows and when it asks the server again. Pure: time and randomness come in,
 * commands go out; `app.ts` carries them out and calls back.
 */
export class Recovery {
  /** When to call with `due`, in the clock of `handle`'s `now`; `null` for never. */
  deadline: number | null = null;
  view: View = 'loading';
  /** The server's own words for `view`, empty when it gave none. */
  detail = '';

  readonly #random: () => number;
  #attempts = 0;
  #asking = false;
  /** A player is running and has not reported a picture yet. */
  #startingPlayer = false;
  #playingSince: number | null = null;
  /** A picture was shown at least once, so who is refused now had access before. */
  #watched = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  handle(now: number, input: Input): Command[] {
    switch (input.kind) {
      case 'begin':
        return this.#ask();
      case 'answer':
        this.#asking = false;
        return this.#answered(now, input.answer);
      case 'playing':
        return this.#playing(now);
      case 'encoder':
        return this.#encoder(now, input.away);
      case 'failed':
        return this.#failed(now, input.failure);
      case 'changed':
        return this.view === 'playing' || this.view === 'interrupted' ? this.#play(now, input.manifest) : [];
      case 'ended':
        this.#playingSince = null;
        this.#startingPlayer = false;
        this.#show('ended');
        this.#wait(now, WAITS.ended);
        return [];
      case 'due':
        this.deadline = null;
        return this.#startingPlayer ? this.#failed(now, 'stuck') : this.#ask();
      case 'wake':
        if (this.deadline === null || this.#startingPlayer) return [];
        this.#attempts = 0;
        return this.#ask();
    }
  }

  #ask(): Command[] {
    this.deadline = null;
    if (this.#asking) return [];
    this.#asking = true;
    return [{ kind: 'probe', lookForEnd: this.view === 'ended' }];
  }

  #answered(now: number, answer: Answer | Unplayable): Command[] {
    switch (answer.kind) {
      case 'live':
        // Whether there is a place is told by what is below this playlist.
        if (this.view !== 'full') this.#show('loading', '', false);
        return this.#play(now, answer.manifest);
      case 'starting':
        this.#show('starting');
        this.deadline = now + this.#jittered(Math.max(answer.retryAfterMs, FIRST_TRY_MS));
        return [];
      case 'busy':
        return this.#full(now, answer.retryAfterMs);
      case 'unreachable':
        this.#show('reconnecting');
        this.#wait(now, WAITS.reconnecting);
        return [];
      case 'denied':
        return this.#rest(now, this.#watched ? 'withdrawn' : 'denied', '');
      case 'unpackaged':
      case 'unplayable':
        return this.#rest(now, 'unsupported', answer.detail);
      case 'over':
        return this.#rest(now, 'ended', '');
      case 'offline':
      case 'unknown':
        // After the end of a broadcast the server forgets it; the viewer still is at its end.
        return this.#rest(now, this.view === 'ended' ? 'ended' : answer.kind, '');
    }
  }

  #play(now: number, manifest: Manifest): Command[] {
    this.#startingPlayer = true;
    this.deadline = now + START_TIMEOUT_MS;
    return [{ kind: 'play', manifest }];
  }

  #playing(now: number): Command[] {
    this.#startingPlayer = false;
    this.#playingSince ??= now;
    this.#watched = true;
    if (this.view === 'ended') return [];
    this.#show('playing', '', false);
    this.deadline = null;
    return [];
  }

  #encoder(now: number, away: boolean): Command[] {
    if (away && (this.view === 'playing' || this.#startingPlayer)) {
      // No picture is due while the playlist holds nothing but gaps.
      this.#startingPlayer = false;
      this.deadline = null;
      this.#show('interrupted', '', false);
    } else if (!away && this.view === 'interrupted') {
      this.#startingPlayer = true;
      this.deadline = now + START_TIMEOUT_MS;
    }
    return [];
  }

  #failed(now: number, failure: Failure): Command[] {
    const stable = this.#playingSince !== null && now - this.#playingSince >= STABLE_MS;
    this.#playingSince = null;
    this.#startingPlayer = false;
    if (failure === 'full') return this.#full(now, 0);
    if (stable) this.#attempts = 0;
    // The server is most likely there: only its answer or our decoder was wrong.
    const curable = failure !== 'network' && this.#attempts === 0;
    this.#show(curable ? 'loading' : 'reconnecting', '', false);
    if (curable) {
      this.#attempts = 1;
      this.deadline = now + this.#random() * FIRST_TRY_MS;
    } else {
      this.#wait(now, WAITS.reconnecting);
    }
    return [];
  }

  /** Waits for a place, at least for as long as the server said. */
  #full(now: number, retryAfterMs: number): Command[] {
    const commands = this.#rest(now, 'full', '');
    this.deadline = Math.max(this.deadline ?? now, now + this.#jittered(retryAfterMs));
    return commands;
  }

  /** Nothing to play: free the player, show why, ask again later. */
  #rest(now: number, view: keyof typeof WAITS, detail: string): Command[] {
    this.#show(view, detail);
    this.#wait(now, WAITS[view]);
    return [{ kind: 'stop' }];
  }

  #show(view: View, detail = '', restartWaits = true): void {
    if (restartWaits && view !== this.view) this.#attempts = 0;
    this.view = view;
    this.detail = detail;
  }

  #wait(now: number, { firstMs, maxMs, factor }: Wait): void {
    const waitMs = Math.min(firstMs * factor ** this.#attempts, maxMs);
    this.#attempts += 1;
    this.deadline = now + this.#jittered(waitMs);
  }

  #jittered(waitMs: number): number {
    return waitMs * (1 + JITTER * (2 * this.#random() - 1));
  }
}
