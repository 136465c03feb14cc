// What the pages read and say. Nothing here touches a page, so that all of it is tested without one.

/**
 * Why the API did not do it.
 * @typedef {{ code: string, detail: string, errors: { pointer: string, detail: string }[], retryAfterS: number | null }} Problem
 */

/** A wait that is not worth telling. */
const SHORT_S = 5;
const LENGTH = { least: 10, most: 256 };

/** @type {Problem} */
export const UNREACHABLE = {
  code: 'unreachable',
  detail: 'The server cannot be reached. Check your connection, then try again.',
  errors: [],
  retryAfterS: null,
};

/**
 * The token in a link's fragment, which no server sees.
 * @param {string} hash
 */
export function tokenIn(hash) {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token')?.trim() || null;
}

/**
 * What a refusal says. Something between may have answered, so anything can be in it.
 * @param {number} status
 * @param {string | null} retryAfter
 * @param {unknown} body
 * @returns {Problem}
 */
export function problemOf(status, retryAfter, body) {
  const said = record(body);
  const retryAfterS = /^\d{1,9}$/.test(retryAfter ?? '') ? Number(retryAfter) : null;
  if (typeof said['code'] !== 'string' || typeof said['detail'] !== 'string') {
    return { code: 'unexpected', detail: `The server gave an unexpected answer (${status}). Try again later.`, errors: [], retryAfterS };
  }
  const listed = Array.isArray(said['errors']) ? said['errors'].map(record) : [];
  const errors = listed.flatMap(({ pointer, detail }) =>
    typeof pointer === 'string' && typeof detail === 'string' ? [{ pointer, detail: plain(detail) }] : []);
  return { code: said['code'], detail: plain(said['detail']), errors, retryAfterS };
}

/**
 * A refusal in words.
 * @param {Problem} problem
 * @param {Record<string, string>} own by code, where the page knows better
 */
export function wordsFor(problem, own = {}) {
  const known = { rate_limited: 'There were too many attempts.', ...own };
  const words = Object.entries(known).find(([code]) => code === problem.code)?.[1] ?? problem.detail;
  const wait = problem.retryAfterS ?? 0;
  return wait < SHORT_S ? words : `${words} Try again in ${duration(wait)}.`;
}

/**
 * What is wrong with a password that somebody wants, by the server's rule; `null` where nothing is.
 * @param {string} password
 */
export function passwordFault(password) {
  // Characters, as the server counts them, not UTF-16's units.
  const length = [...password].length;
  if (length < LENGTH.least) return `A password has at least ${LENGTH.least} characters.`;
  return length > LENGTH.most ? `A password has at most ${LENGTH.most} characters.` : null;
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds <= 90) return `${seconds} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 90 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

/**
 * Without the marks for code.
 * @param {string} text
 */
function plain(text) {
  return text.replaceAll('`', '');
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>}
 */
export function record(value) {
  return typeof value === 'object' && value !== null ? /** @type {Record<string, unknown>} */ (value) : {};
}
