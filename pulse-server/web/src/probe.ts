import { readMultivariant, type Multivariant } from './multivariant.ts';

/** A multivariant playlist that has been fetched, to be handed to the player without a second request. */
export interface Manifest {
  /** Absolute, after redirects. */
  readonly url: string;
  readonly text: string;
  readonly playlist: Multivariant;
}

/** What the server says about the stream at this moment. */
export type Answer =
  | { readonly kind: 'live'; readonly manifest: Manifest }
  /** The playlist is there, but it has its ENDLIST: the broadcast is over. */
  | { readonly kind: 'over' }
  /** Known, but nobody publishes (404 `stream_offline`). */
  | { readonly kind: 'offline' }
  /** 404 of any other kind. */
  | { readonly kind: 'unknown' }
  /** 503: accepted but no part yet, or back after a restart and inside its grace. */
  | { readonly kind: 'starting'; readonly retryAfterMs: number }
  /** 429: the stream, or this viewer's address, has as many sessions as it may. */
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** 401 or 403: no token, or one that is not good for this stream. */
  | { readonly kind: 'denied' }
  /** Live, but HLS cannot carry its codec (404 `codec_not_packaged`). */
  | { readonly kind: 'unpackaged'; readonly detail: string }
  /** No answer, or none that makes sense. */
  | { readonly kind: 'unreachable' };

/** Longer than the 8 s that a server may hold a request. */
const TIMEOUT_MS = 10_000;

/** Retry-After is believed up to this; the server may be back sooner. */
const MAX_RETRY_AFTER_MS = 30_000;

/**
 * Asks for the multivariant playlist, which is where a viewer is admitted: each answer carries a
 * session of its own. With `lookForEnd` also looks into the first media playlist, because the
 * multivariant playlist of a broadcast that is over looks like that of a running one.
 */
export async function probe(url: string, lookForEnd = false): Promise<Answer> {
  try {
    const response = await ask(url);
    if (!response.ok) return await refusal(response);
    const text = await response.text();
    const playlist = readMultivariant(text);
    if (!playlist) return { kind: 'unreachable' };
    const manifest = { url: response.url, text, playlist };
    if (lookForEnd && (await hasEnded(manifest))) return { kind: 'over' };
    return { kind: 'live', manifest };
  } catch {
    // fetch rejects for a refused connection, a reset, a time-out: all mean "not now".
    return { kind: 'unreachable' };
  }
}

function ask(url: string): Promise<Response> {
  return fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
}

async function hasEnded({ url, playlist }: Manifest): Promise<boolean> {
  const first = playlist.variants[0];
  if (!first) return false;
  const response = await ask(new URL(first.uri, url).href);
  return response.ok && /^#EXT-X-ENDLIST\s*$/m.test(await response.text());
}

async function refusal(response: Response): Promise<Answer> {
  const problem = await problemOf(response);
  const status = response.status;
  if (status === 503) return { kind: 'starting', retryAfterMs: retryAfterMs(response) };
  if (status === 429) return { kind: 'busy', retryAfterMs: retryAfterMs(response) };
  if (status === 401 || status === 403) return { kind: 'denied' };
  if (problem.code === 'codec_not_packaged') return { kind: 'unpackaged', detail: problem.detail };
  if (problem.code === 'stream_offline') return { kind: 'offline' };
  if (status === 404 || status === 410) return { kind: 'unknown' };
  return { kind: 'unreachable' };
}

/** The parts of an RFC 9457 problem that the page shows; empty strings where there is none. */
async function problemOf(response: Response): Promise<{ code: string; detail: string }> {
  try {
    const body: unknown = await response.json();
    const field = (name: string): string => {
      const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
      return typeof value === 'string' ? value : '';
    };
    return { code: field('code'), detail: field('detail') || field('title') };
  } catch {
    return { code: '', detail: '' };
  }
}

/** Retry-After in seconds (RFC 9110 §10.2.3; the date form is not used by Pulse). Default 1 s. */
function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? '1');
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : 1000;
}
