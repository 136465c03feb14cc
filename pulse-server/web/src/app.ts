import type HlsType from 'hls.js';
import type { Address } from './address.ts';
import type { Watched } from './debug.ts';
import type { Engine, EngineEvents } from './engine.ts';
import { HlsEngine } from './hlsengine.ts';
import { codecName, unplayableCodecs } from './multivariant.ts';
import { NativeEngine } from './nativeengine.ts';
import type { Meter } from './meter.ts';
import { probe, type Answer, type Manifest } from './probe.ts';
import { Recovery, type Command, type Input, type Unplayable, type View } from './recovery.ts';

/** Asked at most this often whether the renditions have changed, however many hints there are. */
const RENDITION_CHECK_MS = 15_000;

/** The checks of an audience, which all get the hint at the same part, are spread over this time. */
const RENDITION_SPREAD_MS = 2_000;

/** What the page's other parts are told. */
export interface AppEvents {
  /** `view`, its detail or the time of the next try has changed. */
  view(): void;
  choices(): void;
  /** The browser refused to start with sound (or at all). */
  autoplay(outcome: 'playing' | 'muted' | 'blocked'): void;
}

/** Owns the engine and carries out what `Recovery` decides. */
export class App implements Watched {
  engine: Engine | null = null;
  players = 0;
  lastFailure = '';

  readonly streamId: string;
  readonly #address: Address;
  readonly #video: HTMLVideoElement;
  readonly #meter: Meter;
  readonly #loadHls: () => Promise<typeof HlsType | null>;
  readonly #events: AppEvents;
  readonly #recovery = new Recovery(Math.random);
  #deadlineTimer = 0;
  #fingerprint = '';
  #renditionsCheckedAt = -Infinity;
  /** The viewer pressed pause; a new player must not overrule that. */
  #wantsPause = false;

  constructor(address: Address, video: HTMLVideoElement, meter: Meter, loadHls: () => Promise<typeof HlsType | null>, events: AppEvents) {
    this.streamId = address.streamId;
    this.#address = address;
    this.#video = video;
    this.#meter = meter;
    this.#loadHls = loadHls;
    this.#events = events;
    video.addEventListener('loadeddata', () => this.#dispatch({ kind: 'playing' }));
    video.addEventListener('playing', () => this.#dispatch({ kind: 'playing' }));
    window.addEventListener('online', () => this.wake());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.wake();
    });
  }

  get view(): View {
    return this.#recovery.view;
  }

  /** The page's address has a token. */
  get invited(): boolean {
    return this.#address.invited;
  }

  get detail(): string {
    return this.#recovery.detail;
  }

  /** When the server is asked again, in the clock of `performance.now()`; `null` while nothing is planned. */
  get nextTryAt(): number | null {
    return this.view === 'playing' || this.view === 'interrupted' ? null : this.#recovery.deadline;
  }

  begin(): void {
    this.#dispatch({ kind: 'begin' });
  }

  /** Asks at once instead of at the planned time. */
  wake(): void {
    this.#dispatch({ kind: 'wake' });
  }

  /** Starts or pauses on the viewer's behalf; being pressed, a button may start sound as well. */
  togglePlay(): void {
    this.#wantsPause = !this.#video.paused;
    if (!this.#wantsPause) {
      void this.#play();
      return;
    }
    this.engine?.leaveLive();
    this.#video.pause();
  }

  #dispatch(input: Input): void {
    for (const command of this.#recovery.handle(performance.now(), input)) this.#carryOut(command);
    this.#arm();
    this.#events.view();
  }

  #arm(): void {
    window.clearTimeout(this.#deadlineTimer);
    const { deadline } = this.#recovery;
    if (deadline === null) return;
    this.#deadlineTimer = window.setTimeout(() => this.#dispatch({ kind: 'due' }), Math.max(deadline - performance.now(), 0));
  }

  #carryOut(command: Command): void {
    switch (command.kind) {
      case 'probe':
        void this.#ask(command.lookForEnd).then((answer) => this.#dispatch({ kind: 'answer', answer }));
        return;
      case 'play':
        void this.#start(command.manifest);
        return;
      case 'stop':
        this.#stop();
    }
  }

  async #ask(lookForEnd: boolean): Promise<Answer | Unplayable> {
    const answer = await probe(this.#address.multivariant, lookForEnd);
    return answer.kind === 'live' ? (unplayable(answer.manifest) ?? answer) : answer;
  }

  async #start(manifest: Manifest): Promise<void> {
    const events = this.#engineEvents();
    let Hls;
    try {
      Hls = await this.#loadHls();
    } catch {
      events.failed('network', 'the player did not load');
      return;
    }
    this.#stop();
    this.players += 1;
    this.#fingerprint = manifest.playlist.fingerprint;
    this.#meter.restart();
    this.engine = Hls
      ? new HlsEngine(Hls, this.#video, manifest, events, new URLSearchParams(location.search).has('debug'))
      : new NativeEngine(this.#video, manifest, events);
    if (!this.#wantsPause) await this.#play();
  }

  #stop(): void {
    this.engine?.destroy();
    this.engine = null;
    this.#events.choices();
  }

  #engineEvents(): EngineEvents {
    return {
      failed: (failure, reason) => {
        this.lastFailure = `${failure}: ${reason}`;
        this.#meter.restart();
        this.#dispatch({ kind: 'failed', failure });
      },
      ended: () => {
        this.#meter.excuse();
        this.#dispatch({ kind: 'ended' });
      },
      encoder: (away) => {
        if (away) this.#meter.excuse();
        this.#dispatch({ kind: 'encoder', away });
      },
      renditionsMayDiffer: () => this.#checkRenditions(),
      choices: () => this.#events.choices(),
    };
  }

  /** Starts with sound where the browser allows it, else without. */
  async #play(): Promise<void> {
    const engine = this.engine;
    const outcome = await tryToPlay(this.#video);
    if (engine === this.engine) this.#events.autoplay(outcome);
  }

  #checkRenditions(): void {
    const now = performance.now();
    if (now - this.#renditionsCheckedAt < RENDITION_CHECK_MS) return;
    this.#renditionsCheckedAt = now;
    const engine = this.engine;
    window.setTimeout(async () => {
      const answer = await this.#ask(false);
      const same = answer.kind !== 'live' || answer.manifest.playlist.fingerprint === this.#fingerprint;
      if (!same && engine === this.engine) this.#dispatch({ kind: 'changed', manifest: answer.manifest });
    }, Math.random() * RENDITION_SPREAD_MS);
  }
}

async function tryToPlay(video: HTMLVideoElement): Promise<'playing' | 'muted' | 'blocked'> {
  try {
    await video.play();
    return 'playing';
  } catch (error) {
    // Anything but NotAllowedError is a load that was replaced by the next one.
    if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return 'playing';
  }
  video.muted = true;
  try {
    await video.play();
    return 'muted';
  } catch {
    return 'blocked';
  }
}

/** Whether this browser lacks the decoders for all of it. Without MSE the browser's own player has to tell. */
function unplayable(manifest: Manifest): Unplayable | null {
  if (typeof MediaSource === 'undefined') return null;
  const codecs = unplayableCodecs(manifest.playlist, (mime) => MediaSource.isTypeSupported(mime));
  if (codecs.length === 0) return null;
  const names = [...new Set(codecs.map(codecName))].join(' and ');
  return { kind: 'unplayable', detail: `This browser has no decoder for ${names}. Another browser or device may have one.` };
}
