import type HlsType from 'hls.js';
import type { ErrorData, LevelDetails } from 'hls.js';
import { CUSHION, nextMove, targetOf } from './catchup.ts';
import type { Choice, Engine, EngineEvents, Position } from './engine.ts';
import { hlsConfig } from './hlsconfig.ts';
import { audioLabel, qualityLabel } from './labels.ts';
import type { Manifest } from './probe.ts';
import { namesUnknownRendition } from './renditions.ts';
import { partsAhead, warm } from './warm.ts';

/** How often the playback rate and the watchdog are looked at. */
const TICK_MS = 250;

/** A picture that stands this long without a reason gets a new player. */
const STUCK_MS = 6_000;

/** After ENDLIST a picture that stands this long has come to its end; hls.js may leave out the very last part. */
const ENDED_MS = 750;

/** A player that still stands starts anew this long (and up to half as long again) after the encoder's return: there are enough parts then. */
const FRESH_START_MS = 1_000;

/** How long a start counts as fresh, see `catchup.ts`. */
const FRESH_MS = 1_500;

/** `wallLatency` is believed if it is this close to what the playlist says; else the viewer's clock is wrong. */
const CLOCK_TOLERANCE_S = 3;

/** One hls.js instance. Errors that it cannot recover from end it; the page makes a new one. */
export class HlsEngine implements Engine {
  readonly name = 'hls.js';
  readonly #hls: HlsType;
  readonly #video: HTMLVideoElement;
  readonly #events: EngineEvents;
  readonly #timer: number;
  #over = false;
  #following = true;
  #away = false;
  #endlist = false;
  #freshUntil: number | null = null;
  #discontinuities: number | null = null;
  #lastTime = -1;
  #movedAt = performance.now();

  constructor(Hls: typeof HlsType, video: HTMLVideoElement, manifest: Manifest, events: EngineEvents, debug: boolean) {
    this.#video = video;
    this.#events = events;
    const hls = new Hls(hlsConfig(Hls, manifest, debug));
    this.#hls = hls;
    const { Events } = Hls;
    hls.on(Events.ERROR, (_event, data) => this.#onError(data));
    hls.once(Events.LEVEL_LOADED, (_event, { details }) => this.#warmUp(details));
    hls.once(Events.AUDIO_TRACK_LOADED, (_event, { details }) => this.#warmUp(details));
    hls.on(Events.LEVEL_UPDATED, (_event, { details }) => this.#onPlaylist(details));
    for (const event of [Events.MANIFEST_PARSED, Events.LEVEL_SWITCHED, Events.AUDIO_TRACKS_UPDATED, Events.AUDIO_TRACK_SWITCHED] as const) {
      hls.on(event, () => events.choices());
    }
    hls.on(Events.MEDIA_ENDED, () => this.#finish(() => events.ended()));
    this.#timer = window.setInterval(() => this.#tick(), TICK_MS);
    hls.loadSource(manifest.url);
    hls.attachMedia(video);
  }

  position(): Position | null {
    const hold = this.#hls.targetLatency;
    if (hold === null) return null;
    const edgeLatency = this.#hls.latency;
    const date = this.#hls.playingDate;
    const wall = date ? (Date.now() - date.getTime()) / 1000 : null;
    const believed = wall !== null && Math.abs(wall - edgeLatency) < CLOCK_TOLERANCE_S;
    return { wallLatency: believed ? wall : null, edgeLatency, target: targetOf(hold) };
  }

  qualities(): Choice[] {
    const { levels, autoLevelEnabled, loadLevel } = this.#hls;
    const playing = levels[loadLevel];
    const automatic = autoLevelEnabled && playing && levels.length > 1 ? `Auto (${qualityLabel(playing)})` : 'Auto';
    const rungs = levels.map((level, id) => ({ id, label: qualityLabel(level), selected: !autoLevelEnabled && id === loadLevel }));
    if (rungs.length < 2) return rungs.map((rung) => ({ ...rung, selected: true }));
    return [{ id: -1, label: automatic, selected: autoLevelEnabled }, ...rungs.reverse()];
  }

  selectQuality(id: number): void {
    // Unlike `nextLevel` this keeps what is buffered; at the live edge that is less than a second.
    if (this.#hls.levels.length > 1) this.#hls.loadLevel = id;
    this.#events.choices();
  }

  audioTracks(): Choice[] {
    const { audioTracks, audioTrack } = this.#hls;
    return audioTracks.map((track, id) => ({ id, label: audioLabel(track), selected: id === audioTrack }));
  }

  selectAudio(id: number): void {
    this.#hls.audioTrack = id;
    this.#events.choices();
  }

  goLive(): void {
    this.#following = true;
    const edge = this.#hls.liveSyncPosition;
    if (edge !== null) this.#video.currentTime = edge - CUSHION;
  }

  leaveLive(): void {
    this.#following = false;
  }

  destroy(): void {
    this.#over = true;
    window.clearInterval(this.#timer);
    this.#hls.destroy();
  }

  #warmUp(details: LevelDetails): void {
    if (!details.live || details.partHoldBack <= 0) return;
    const init = details.fragments.at(-1)?.initSegment?.url;
    const position = details.edge - details.partHoldBack;
    warm([...(init ? [init] : []), ...partsAhead(details.partList ?? [], position)]);
  }

  #finish(report: () => void): void {
    if (this.#over) return;
    this.#over = true;
    window.clearInterval(this.#timer);
    this.#hls.stopLoad();
    report();
  }

  #onError(data: ErrorData): void {
    const status = data.response?.code ?? 0;
    // hls.js may walk through all levels with a dead session before it calls the error fatal.
    const refused = status >= 400 && status < 500 && data.context !== undefined;
    if (!data.fatal && !refused) return;
    const failure = status === 429 ? 'full' : refused ? 'refused' : data.type === 'networkError' ? 'network' : 'media';
    this.#finish(() => this.#events.failed(failure, `${data.details}${status ? ` (${status})` : ''}`));
  }

  #onPlaylist(details: LevelDetails): void {
    if (!details.live) {
      // Someone who opens the page after the end did not come for the last minute of it.
      this.#endlist = true;
      this.#away = false;
      if (this.#video.readyState === 0) this.#finish(() => this.#events.ended());
      return;
    }
    this.#noticeEncoder(details);
    this.#noticeRenditions(details);
  }

  #noticeEncoder(details: LevelDetails): void {
    const away = details.partList?.at(-1)?.gap ?? details.fragments.at(-1)?.gap ?? false;
    if (away === this.#away) return;
    this.#away = away;
    this.#movedAt = performance.now();
    this.#events.encoder(away);
    if (away) return;
    this.#forgetStalls(details);
    this.#freshUntil = null;
    // Behind a gap hls.js waits for a whole segment, or for ever if it had chosen to start inside the
    // gap; a new player starts with the first parts.
    const stoodAt = this.#video.currentTime;
    const waitMs = FRESH_START_MS * (1 + Math.random() / 2);
    window.setTimeout(() => {
      const { currentTime, paused } = this.#video;
      if (currentTime === stoodAt && !paused) this.#finish(() => this.#events.failed('stuck', 'waits behind a gap'));
    }, waitMs);
  }

  /** The gap was the encoder's; hls.js counts it as a stall of ours and would keep more distance for good. */
  #forgetStalls(details: LevelDetails): void {
    if (details.partHoldBack > 0) this.#hls.targetLatency = details.partHoldBack;
  }

  #noticeRenditions(details: LevelDetails): void {
    const known = [...this.#hls.levels.map((level) => level.uri), ...this.#hls.audioTracks.map((track) => track.url)];
    const reports = (details.renditionReports ?? []).map((report) => report['URI'] ?? '');
    const crossed = this.#discontinuities !== null && details.endCC > this.#discontinuities;
    this.#discontinuities = details.endCC;
    if (crossed || namesUnknownRendition(reports, details.url, known)) this.#events.renditionsMayDiffer();
  }

  #tick(): void {
    const moved = this.#watch();
    const position = this.position();
    // A picture that stands has nothing to catch up with: the way to the live edge leads through a gap or a stall.
    if (!position || !moved) return;
    const now = performance.now();
    this.#freshUntil ??= now + FRESH_MS;
    const move = nextMove({
      latency: position.edgeLatency,
      target: position.target,
      buffer: this.#hls.mainForwardBufferInfo?.len ?? 0,
      following: this.#following,
      fresh: now < this.#freshUntil,
      rate: this.#video.playbackRate,
    });
    if (move.kind === 'jump') this.goLive();
    else if (this.#video.playbackRate !== move.rate) this.#video.playbackRate = move.rate;
  }

  /** Replaces a player that stands; tells whether the picture has moved since the last tick. */
  #watch(): boolean {
    const { currentTime, paused, readyState } = this.#video;
    const now = performance.now();
    const moved = currentTime !== this.#lastTime && readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    if (currentTime !== this.#lastTime || paused || readyState === 0 || this.#away) this.#movedAt = now;
    this.#lastTime = currentTime;
    if (this.#endlist && now - this.#movedAt > ENDED_MS) this.#finish(() => this.#events.ended());
    else if (now - this.#movedAt > STUCK_MS) this.#finish(() => this.#events.failed('stuck', 'the picture stands'));
    return moved && !paused;
  }
}
