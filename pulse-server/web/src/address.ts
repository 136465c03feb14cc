/** What the page's own address says about the stream to play. */
export interface Address {
  readonly streamId: string;
  /** Absolute path of the multivariant playlist, with the viewer's token where there is one. */
  readonly multivariant: string;
  /** The address has a token, whether it is good or not. */
  readonly invited: boolean;
}

/**
 * Reads `/watch/{stream_id}`, with `?token=` for private streams. The development server has no
 * such route and takes `?stream=` instead. `null` when no stream is named.
 */
export function addressOf(location: { readonly pathname: string; readonly search: string }): Address | null {
  const query = new URLSearchParams(location.search);
  const segment = /^\/watch\/([^/]+)\/?$/.exec(location.pathname)?.[1];
  const streamId = decoded(segment ?? query.get('stream') ?? '');
  if (streamId === '') return null;
  const token = query.get('token');
  const suffix = token === null ? '' : `?token=${encodeURIComponent(token)}`;
  return { streamId, multivariant: `/hls/${encodeURIComponent(streamId)}/index.m3u8${suffix}`, invited: token !== null };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // A stray `%` is not an encoding; the server will say that it knows no such stream.
    return segment;
  }
}
