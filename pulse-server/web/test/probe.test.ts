// Every answer of the server has to become one state of the page.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { probe } from '../src/probe.ts';

const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

const MULTIVARIANT = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001f"\nabc/v0/index.m3u8\n';

/** Answers by path; anything not listed is a refused connection. */
function serve(answers: Record<string, () => Response>): string[] {
  const asked: string[] = [];
  globalThis.fetch = (input) => {
    const url = String(input);
    asked.push(url);
    const answer = answers[new URL(url).pathname];
    if (!answer) return Promise.reject(new TypeError('Failed to fetch'));
    const response = answer();
    Object.defineProperty(response, 'url', { value: url });
    return Promise.resolve(response);
  };
  return asked;
}

const problem = (status: number, code: string, headers: Record<string, string> = {}) => () =>
  new Response(JSON.stringify({ status, code, title: code, detail: `detail of ${code}` }), { status, headers });
const ask = (lookForEnd = false) => probe('http://h/hls/s/index.m3u8', lookForEnd);

test('a playlist is live, with its text and address', async () => {
  const asked = serve({ '/hls/s/index.m3u8': () => new Response(MULTIVARIANT) });
  const answer = await ask();
  assert.equal(answer.kind, 'live');
  assert.ok(answer.kind === 'live' && answer.manifest.text === MULTIVARIANT && answer.manifest.url === 'http://h/hls/s/index.m3u8');
  assert.equal(asked.length, 1, 'one admission a viewer');
});

test('problems become states by their code', async () => {
  const cases = [
    [problem(404, 'stream_offline'), 'offline'],
    [problem(404, 'stream_not_found'), 'unknown'],
    [problem(404, 'codec_not_packaged'), 'unpackaged'],
    [problem(403, 'token_invalid'), 'denied'],
    [problem(401, 'token_missing'), 'denied'],
    [problem(503, 'stream_starting'), 'starting'],
    [problem(429, 'rate_limited'), 'busy'],
    [problem(500, 'internal'), 'unreachable'],
  ] as const;
  for (const [response, kind] of cases) {
    serve({ '/hls/s/index.m3u8': response });
    assert.equal((await ask()).kind, kind);
  }
});

test('a 404 without a problem body, as a proxy sends it, is an unknown stream', async () => {
  serve({ '/hls/s/index.m3u8': () => new Response('<html>', { status: 404 }) });
  assert.equal((await ask()).kind, 'unknown');
});

test('Retry-After is obeyed within reason', async () => {
  for (const [header, expected] of [['3', 3_000], ['86400', 30_000], ['soon', 1_000], ['-1', 1_000]] as const) {
    serve({ '/hls/s/index.m3u8': problem(503, 'stream_starting', { 'retry-after': header }) });
    const answer = await ask();
    assert.ok(answer.kind === 'starting' && answer.retryAfterMs === expected, header);
  }
});

test('a refused connection and a page of another kind are unreachable', async () => {
  serve({});
  assert.equal((await ask()).kind, 'unreachable');
  serve({ '/hls/s/index.m3u8': () => new Response('<html>') });
  assert.equal((await ask()).kind, 'unreachable');
});

test('looking for the end reads the media playlist', async () => {
  const media = (tail: string) => () => new Response(`#EXTM3U\n#EXTINF:2,\n1.m4s\n${tail}`);
  serve({ '/hls/s/index.m3u8': () => new Response(MULTIVARIANT), '/hls/s/abc/v0/index.m3u8': media('#EXT-X-ENDLIST\n') });
  assert.equal((await ask(true)).kind, 'over');
  assert.equal((await ask(false)).kind, 'live');
  serve({ '/hls/s/index.m3u8': () => new Response(MULTIVARIANT), '/hls/s/abc/v0/index.m3u8': media('') });
  assert.equal((await ask(true)).kind, 'live');
});
