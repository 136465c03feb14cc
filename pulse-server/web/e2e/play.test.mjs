// The page plays a live stream for 30 s without a stall, starts fast and stays close to the wall clock.
//
//   PULSE_URL, PULSE_STREAM          the server and a live stream with a 2 s GOP
//   PULSE_SECONDS (30)               how long to watch
//   PULSE_MAX_FIRST_FRAME_MS (800)   from the page's load event to the first frame
//   PULSE_MAX_LATENCY_S (1.0)        median distance to the wall clock by EXT-X-PROGRAM-DATE-TIME
//   PULSE_SCREENSHOT                 where to leave a picture of the page, if set
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch, limit, median, pulse, report, until, watch } from './browser.mjs';

const SAMPLE_MS = 100;

test('the page plays without a stall, close to the wall clock', { timeout: 120_000 }, async () => {
  const browser = await launch();
  try {
    const page = await watch(browser);
    const start = await until(page, 'first frame', ({ firstFrameMs }) => firstFrameMs !== null, 15_000);
    const loadMs = await page.evaluate(() => performance.getEntriesByType('navigation')[0].loadEventEnd);
    const latencies = [];
    const buffers = [];
    for (let left = limit('PULSE_SECONDS', 30) * 1000; left > 0; left -= SAMPLE_MS) {
      await sleep(SAMPLE_MS);
      const { latency, bufferAhead } = await pulse(page);
      if (latency !== null) latencies.push(latency);
      buffers.push(bufferAhead);
    }
    const end = await pulse(page);
    await useEverything(page);
    const shown = await page.evaluate(() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames);
    if (process.env.PULSE_SCREENSHOT) await page.screenshot({ path: process.env.PULSE_SCREENSHOT });
    const result = {
      firstFrameMs: Math.round(start.firstFrameMs),
      firstFrameAfterLoadMs: Math.round(start.firstFrameMs - loadMs),
      loadMs: Math.round(loadMs),
      medianLatencyS: Number(median(latencies).toFixed(3)),
      medianBufferS: Number(median(buffers).toFixed(3)),
      stalls: end.stalls,
      droppedFrames: end.droppedFrames,
      frames: shown,
      players: end.players,
    };
    report('played', result);
    assert.equal(end.state, 'playing');
    assert.equal(end.stalls, 0, 'the picture stood');
    assert.equal(end.players, 1, `the player was replaced: ${end.lastFailure}`);
    assert.deepEqual(page.problems, []);
    assert.ok(shown > limit('PULSE_SECONDS', 30) * 10, `only ${shown} frames`);
    assert.ok(result.firstFrameAfterLoadMs <= limit('PULSE_MAX_FIRST_FRAME_MS', 800), `first frame ${result.firstFrameAfterLoadMs} ms after load`);
    assert.ok(result.medianLatencyS <= limit('PULSE_MAX_LATENCY_S', 1.0), `${result.medianLatencyS} s behind`);
  } finally {
    await browser.close();
  }
});

/** Opens and presses whatever can be; what the page's policy forbids of it is a problem. */
async function useEverything(page) {
  await page.mouse.move(640, 400);
  for (const id of ['info', 'mute', 'audio', 'quality', 'live', 'play', 'play', 'fullscreen']) {
    const button = page.locator(`#${id}`);
    if (await button.isVisible()) await button.click();
  }
  for (const key of ['Escape', 'm', 'ArrowUp', 'ArrowLeft', 'l', 'i']) await page.keyboard.press(key);
  await sleep(500);
}
