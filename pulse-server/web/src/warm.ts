/** What `partsAhead` needs of a part; hls.js's `Part` is one. */
export interface PartLike {
  readonly start: number;
  readonly independent: boolean;
  readonly gap: boolean;
  readonly url: string;
}

/** Enough for a GOP of 3 s in parts of 200 ms; about 0.75 MB at 2 Mbit/s. */
const MAX_PARTS = 16;

/**
 * The parts that hls.js will ask for, one after the other, before it can show the picture at
 * `position`: from the last key frame before it to the newest.
 */
export function partsAhead(parts: readonly PartLike[], position: number): string[] {
  const first = parts.findLastIndex((part) => part.independent && part.start <= position);
  if (first < 0) return [];
  return parts.slice(first, first + MAX_PARTS).filter((part) => !part.gap).map((part) => part.url);
}

/**
 * Fetches into the browser's cache, all at once. hls.js's own requests then find them there, which
 * turns a dozen round trips before the first frame into two. Segments and parts are immutable and
 * cacheable; were they not, this would cost one GOP twice.
 */
export function warm(urls: readonly string[]): void {
  for (const url of urls) {
    // hls.js meets the same failure and deals with it.
    fetch(url).then((response) => response.arrayBuffer()).catch(() => undefined);
  }
}
