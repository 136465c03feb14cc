/** What a menu entry says about a rendition of the picture. */
export function qualityLabel(level: { readonly height: number; readonly frameRate: number; readonly bitrate: number }): string {
  const { height, frameRate, bitrate } = level;
  const rate = bitrate >= 1_000_000 ? `${(bitrate / 1_000_000).toFixed(1)} Mbit/s` : `${Math.round(bitrate / 1000)} kbit/s`;
  if (height <= 0) return bitrate > 0 ? rate : 'Source';
  // 30 and below is what everybody expects; only more is worth a word.
  const frames = frameRate > 31 ? String(Math.round(frameRate)) : '';
  return bitrate > 0 ? `${height}p${frames} · ${rate}` : `${height}p${frames}`;
}

/** What a menu entry says about an audio track: its name, and its language where the name does not tell. */
export function audioLabel(track: { readonly name: string; readonly lang?: string | undefined; readonly channels?: string | undefined }): string {
  const language = languageName(track.lang);
  const name = track.name || language || 'Audio';
  const channels = CHANNELS[track.channels ?? ''];
  const extra = [language !== '' && !name.toLowerCase().includes(language.toLowerCase()) ? language : '', channels ?? ''];
  const suffix = extra.filter((word) => word !== '').join(', ');
  return suffix === '' ? name : `${name} (${suffix})`;
}

/** Stereo is expected and not said. */
const CHANNELS: Readonly<Record<string, string>> = { '1': 'mono', '6': '5.1', '8': '7.1' };

function languageName(tag: string | undefined): string {
  if (!tag || tag === 'und') return '';
  try {
    return new Intl.DisplayNames(['en'], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** `0.72` → `0.7 s`; nothing known → a dash. */
export function seconds(value: number | null): string {
  return value === null || !Number.isFinite(value) ? '–' : `${Math.max(value, 0).toFixed(1)} s`;
}
