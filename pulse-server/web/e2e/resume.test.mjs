// The page goes on by itself after the server was killed and came back.
//
// The server belongs to the parent, which starts this file directly (`node e2e/resume.test.mjs`, not
// `node --test`, which holds output back) and acts on two lines of its standard output:
//
//   pulse-e2e {"event":"kill-server"}      kill -9 the server now
//   pulse-e2e {"event":"restart-server"}   start it again on the same address and data, publisher included
//
// No answer is needed: the test watches the page. Further lines are for information, and the exit
// code says whether it went well. A parent that serves other ends can print any of them to its log.
//
//   PULSE_URL, PULSE_STREAM      the server and a live stream
//   PULSE_DOWN_S (3)             how long the server stays away after the page has noticed
//   PULSE_MAX_RESUME_S (20)      from the restart line until frames are shown again
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch, limit, progress, pulse, report, until, watch } from './browser.mjs';

/** How long the parent may take to kill the server. */
const KILL_MS = 30_000;

test('the page resumes after the server was killed and came back', { timeout: 180_000 }, async () => {
  const browser = await launch();
  try {
    const page = await watch(browser);
    await until(page, 'first play', ({ state, firstFrameMs }) => state === 'playing' && firstFrameMs !== null, 15_000);
    await sleep(2_000);
    report('playing', await pulse(page));

    report('kill-server');
    const lost = await until(page, 'noticed the loss', ({ state }) => state === 'reconnecting', KILL_MS);
    report('lost', { lastFailure: lost.lastFailure });
    await sleep(limit('PULSE_DOWN_S', 3) * 1000);

    report('restart-server');
    const restarted = Date.now();
    await until(page, 'resumed', ({ state, players }) => state === 'playing' && players > lost.players, limit('PULSE_MAX_RESUME_S', 20) * 1000);
    const resumeMs = Date.now() - restarted;
    const before = await frames(page);
    await sleep(3_000);
    const moved = (await frames(page)) - before;
    const end = await pulse(page);
    report('resumed', { resumeMs, frames: moved, ...end });
    assert.equal(end.state, 'playing');
    assert.ok(moved > 30, `only ${moved} frames in 3 s after the return`);
    assert.deepEqual(page.problems, []);
  } finally {
    await browser.close();
  }
});

async function frames(page) {
  return (await progress(page)).frames;
}
