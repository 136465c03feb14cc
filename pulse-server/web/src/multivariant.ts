/** One `EXT-X-STREAM-INF` with its address. */
export interface Variant {
  readonly codecs: readonly string[];
  readonly resolution: string;
  /** As written in the playlist: relative, with this viewer's session in it. */
  readonly uri: string;
}

/** What the page needs from a multivariant playlist before hls.js has read it. */
export interface Multivariant {
  readonly variants: readonly Variant[];
  /**
   * Equal for two playlists that offer the same renditions. Leaves out what differs between two
   * answers for the same stream: the session in each path and the measured bandwidths.
   */
  readonly fingerprint: string;
}

/** Reads a multivariant playlist (RFC 8216bis §4.4.6); `null` when the text is none. */
export function readMultivariant(text: string): Multivariant | null {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.trim() !== '#EXTM3U') return null;
  const variants: Variant[] = [];
  const traits: string[] = [];
  let pending: Map<string, string> | null = null;
  for (const line of lines) {
    if (line.startsWith('#EXT-X-STREAM-INF:')) {
      pending = attributes(line);
    } else if (line.startsWith('#EXT-X-MEDIA:')) {
      const media = attributes(line);
      traits.push(['media', ...pick(media, ['TYPE', 'GROUP-ID', 'NAME', 'LANGUAGE', 'CHANNELS']), rendition(media.get('URI'))].join('|'));
    } else if (pending && line !== '' && !line.startsWith('#')) {
      variants.push({ codecs: codecsOf(pending), resolution: pending.get('RESOLUTION') ?? '', uri: line });
      traits.push(['variant', ...pick(pending, ['CODECS', 'RESOLUTION', 'AUDIO', 'VIDEO-RANGE']), rendition(line)].join('|'));
      pending = null;
    }
  }
  return { variants, fingerprint: traits.join('\n') };
}

/** The codecs which keep every variant from being played; empty when at least one is fine. */
export function unplayableCodecs(playlist: Multivariant, plays: (mime: string) => boolean): string[] {
  const missing = new Set<string>();
  for (const { codecs } of playlist.variants) {
    const refused = codecs.filter((codec) => !plays(`${AUDIO.test(codec) ? 'audio' : 'video'}/mp4;codecs="${codec}"`));
    if (refused.length === 0) return [];
    for (const codec of refused) missing.add(codec);
  }
  return [...missing];
}

const AUDIO = /^(mp4a|opus|ac-3|ec-3|flac|mp3)/i;

/** A name people know for an RFC 6381 codec string. */
export function codecName(codec: string): string {
  const names: readonly (readonly [RegExp, string])[] = [
    [/^avc[13]/i, 'H.264'],
    [/^(hvc1|hev1)/i, 'HEVC (H.265)'],
    [/^av01/i, 'AV1'],
    [/^vp0?9/i, 'VP9'],
    [/^mp4a\.(40\.34|6b|69)/i, 'MP3'],
    [/^mp4a/i, 'AAC'],
    [/^ac-3/i, 'AC-3'],
    [/^ec-3/i, 'E-AC-3'],
    [/^opus/i, 'Opus'],
    [/^flac/i, 'FLAC'],
  ];
  return names.find(([pattern]) => pattern.test(codec))?.[1] ?? codec;
}

/** Attribute lists (RFC 8216bis §4.2): names, then quoted strings or anything up to a comma. */
function attributes(line: string): Map<string, string> {
  const list = new Map<string, string>();
  for (const [, name, quoted, bare] of line.matchAll(/([A-Z0-9-]+)=(?:"([^"]*)"|([^,]*))/g)) {
    if (name !== undefined) list.set(name, quoted ?? bare ?? '');
  }
  return list;
}

function codecsOf(list: Map<string, string>): string[] {
  return (list.get('CODECS') ?? '').split(',').map((codec) => codec.trim()).filter((codec) => codec !== '');
}

function pick(list: Map<string, string>, names: readonly string[]): string[] {
  return names.map((name) => list.get(name) ?? '');
}

/** `{session}/{rendition}/index.m3u8` without the session. */
function rendition(uri: string | undefined): string {
  return (uri ?? '').split('?')[0]?.split('/').slice(-2).join('/') ?? '';
}
