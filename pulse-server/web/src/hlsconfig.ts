import type HlsType from 'hls.js';
import type { HlsConfig } from 'hls.js';
import type { Manifest } from './probe.ts';

/** Seconds kept behind the playhead, for a short look back. */
const BACK_BUFFER_S = 30;

/** Seconds to fetch ahead for a viewer who went back; at the live edge there is never this much. */
const FORWARD_BUFFER_S = 20;

/** Target latency that hls.js adds after each stall, in seconds, up to one target duration in all. */
const AFTER_STALL_S = 0.25;

/** Until the first measurement: enough for a 1080p rung, wrong at most for the first seconds. */
const FIRST_ESTIMATE_BPS = 4_000_000;

/**
 * The settings that differ from hls.js's defaults. The distance to the live edge stays what the
 * server asks for (PART-HOLD-BACK): `liveSyncDuration` would override it.
 */
export function hlsConfig(Hls: typeof HlsType, manifest: Manifest, debug: boolean): Partial<HlsConfig> {
  return {
    debug,
    pLoader: primedLoader(Hls, manifest),
    lowLatencyMode: true,
    liveDurationInfinity: true,
    liveSyncOnStallIncrease: AFTER_STALL_S,
    // `catchup.ts` does it; see there.
    maxLiveSyncPlaybackRate: 1,
    backBufferLength: BACK_BUFFER_S,
    maxBufferLength: FORWARD_BUFFER_S,
    startFragPrefetch: true,
    // A bitrate test would fetch a fragment that is never shown before the first frame.
    testBandwidth: false,
    abrEwmaDefaultEstimate: FIRST_ESTIMATE_BPS,
    capLevelToPlayerSize: true,
    // Fragmented MP4 is only parsed for its timing, less work than starting a worker for it.
    enableWorker: false,
    // Retries are short, because the page's own recovery goes further than hls.js can.
    playlistLoadPolicy: { default: policy(10_000, 20_000, 2) },
    fragLoadPolicy: { default: policy(8_000, 20_000, 2) },
    enableInterstitialPlayback: false,
    enableWebVTT: false,
    enableIMSC1: false,
    enableCEA708Captions: false,
    enableID3MetadataCues: false,
    enableEmsgMetadataCues: false,
    enableDateRangeMetadataCues: false,
  };
}

function policy(maxTimeToFirstByteMs: number, maxLoadTimeMs: number, retries: number) {
  return {
    maxTimeToFirstByteMs,
    maxLoadTimeMs,
    timeoutRetry: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: retries, retryDelayMs: 500, maxRetryDelayMs: 2_000 },
  };
}

/**
 * A playlist loader which answers hls.js's request for the multivariant playlist with the one the
 * page has already fetched: one admission a viewer, and no round trip after hls.js has loaded.
 */
function primedLoader(Hls: typeof HlsType, manifest: Manifest): NonNullable<HlsConfig['pLoader']> {
  type PlaylistLoader = InstanceType<NonNullable<HlsConfig['pLoader']>>;
  const Base = Hls.DefaultConfig.loader as unknown as new (config: HlsConfig) => PlaylistLoader;
  let primed = true;
  return class extends Base {
    override load(...[context, config, callbacks]: Parameters<PlaylistLoader['load']>): void {
      if (!primed || context.type !== 'manifest') {
        super.load(context, config, callbacks);
        return;
      }
      primed = false;
      const { loading } = this.stats;
      loading.start = loading.first = loading.end = performance.now();
      this.stats.loaded = this.stats.total = manifest.text.length;
      // Not at once: hls.js is still telling its controllers that a playlist is being loaded.
      queueMicrotask(() => callbacks.onSuccess({ url: manifest.url, data: manifest.text, code: 200 }, this.stats, context, null));
    }
  };
}
