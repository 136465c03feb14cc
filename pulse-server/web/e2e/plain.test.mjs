// hls.js as it comes, in a page with nothing else, plays the stream: what other people's players get.
//
//   PULSE_URL, PULSE_STREAM          the server and a live stream, or one that is about to start
//   PULSE_SECONDS (10)               how long to watch
//   PULSE_MAX_FRAGMENT_MS            if set, the longest time from the page's start to the first buffered fragment
//   PULSE_WAIT_S (0)                 how long the multivariant playlist may still be missing at first
//
// Reports the wall clock of the first buffered fragment as well, so that a harness which knows when
// the publisher was accepted can tell the time between the two.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch, limit, report, SERVER, STREAM } from './browser.mjs';

const PAGE = `<!doctype html><video muted autoplay></video><script src="/hls.js"></script><script>
  const video = document.querySelector('video');
  const seen = (window.seen = { fragmentAt: null, fragmentMs: null, firstFrameMs: null, stalls: 0, fatal: '' });
  let playing = false;
  video.requestVideoFrameCallback((now) => { seen.firstFrameMs = now; });
  video.addEventListener('playing', () => { playing = true; });
  video.addEventListener('waiting', () => { if (playing && !video.seeking) seen.stalls += 1; });
  window.play = (url) => {
    const hls = (window.hls = new Hls());
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      seen.fragmentAt ??= Date.now();
      seen.fragmentMs ??= performance.now() - seen.startMs;
    });
    hls.on(Hls.Events.ERROR, (event, data) => { if (data.fatal) seen.fatal = data.details; });
    seen.startMs = performance.now();
    hls.loadSource(url);
    hls.attachMedia(video);
  };
</script>`;

test('hls.js with its default configuration plays the stream', { timeout: 120_000 }, async () => {
  const server = await serve();
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const url = `${SERVER}/hls/${encodeURIComponent(STREAM)}/index.m3u8`;
    await published(url, limit('PULSE_WAIT_S', 0));
    await page.evaluate((source) => window.play(source), url);
    await sleep(limit('PULSE_SECONDS', 10) * 1000);
    const seen = await page.evaluate(() => {
      const { videoWidth, currentTime } = document.querySelector('video');
      return { ...window.seen, latencyS: window.hls.latency, videoWidth, currentTime, version: window.Hls.version };
    });
    report('plain', seen);
    assert.equal(seen.fatal, '');
    assert.ok(seen.fragmentMs !== null, 'no fragment was buffered');
    assert.ok(seen.firstFrameMs !== null, 'no frame was shown');
    assert.equal(seen.stalls, 0, 'the picture stood');
    assert.ok(seen.fragmentMs <= limit('PULSE_MAX_FRAGMENT_MS', 1e9), `first fragment after ${seen.fragmentMs} ms`);
  } finally {
    await browser.close();
    server.close();
  }
});

/** The page is of another origin than the server, so this also proves CORS. */
async function serve() {
  const script = await readFile(createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js'));
  const server = createServer((request, response) => {
    const isScript = request.url === '/hls.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : PAGE);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** HEAD admits nobody, so this polling mints no sessions. */
async function published(url, waitS) {
  for (const deadline = Date.now() + waitS * 1000; Date.now() < deadline; await sleep(10)) {
    const response = await fetch(url, { method: 'HEAD' }).catch(() => null);
    if (response?.ok) return;
  }
}
