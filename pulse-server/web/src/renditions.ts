/**
 * Whether a media playlist reports on a rendition (EXT-X-RENDITION-REPORT, RFC 8216bis §4.4.5.4)
 * that the player does not know. The server adds a report as soon as a late track has a playlist,
 * so this costs no request of its own.
 *
 * @param reports the URI attributes, relative to `playlistUrl`
 * @param known absolute addresses of the media playlists from the multivariant playlist
 */
export function namesUnknownRendition(reports: readonly string[], playlistUrl: string, known: readonly string[]): boolean {
  const paths = new Set([playlistUrl, ...known].map((url) => pathOf(url, playlistUrl)));
  return reports.some((uri) => uri !== '' && !paths.has(pathOf(uri, playlistUrl)));
}

function pathOf(url: string, base: string): string {
  try {
    return new URL(url, base).pathname;
  } catch {
    return url;
  }
}
