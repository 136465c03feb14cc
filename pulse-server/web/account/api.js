// Asking the API. Addresses are relative, so that the pages work below a path of a proxy too.
import { problemOf, record, UNREACHABLE } from './words.js';

/** Longer than a password's hash waits for its turn. */
const PATIENCE_MS = 30_000;

/**
 * @typedef {import('./words.js').Problem} Problem
 * @typedef {{ value: Record<string, unknown>, problem: null } | { value: null, problem: Problem }} Outcome
 */

/**
 * Sends a request with a body. No cookie goes with it, and none is taken.
 * @param {string} path
 * @param {Record<string, unknown>} body
 * @param {string | null} access an access token
 * @returns {Promise<Outcome>}
 */
export async function post(path, body, access = null) {
  const headers = new Headers({ 'Content-Type': 'application/json' });
  if (access !== null) headers.set('Authorization', `Bearer ${access}`);
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const sent = { method: 'POST', headers, body: JSON.stringify(body), signal };
    const answer = await fetch(path, { ...sent, credentials: 'omit', cache: 'no-store', redirect: 'error' });
    const value = parsed(await answer.text());
    if (answer.ok) return { value: record(value), problem: null };
    return { value: null, problem: problemOf(answer.status, answer.headers.get('Retry-After'), value) };
  } catch {
    return { value: null, problem: UNREACHABLE };
  }
}

/**
 * @param {string} text
 * @returns {unknown}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
