// A signed stream in the page: it plays with a token, says why it does not without one, and ends when the token does or is withdrawn.
//
// Started directly (`node e2e/signed.test.mjs`) by a parent that acts on two lines of its standard output:
//
//   pulse-e2e {"event":"revoke-token"}     revoke the first token by its id now
//   pulse-e2e {"event":"revoke-viewer"}    revoke the second token's viewer now
//
// No answer is needed: the test watches the pages.
//
//   PULSE_URL, PULSE_STREAM           the server and a live, signed stream
//   PULSE_TOKEN, PULSE_OTHER_TOKEN    tokens of two viewers
//   PULSE_ENDED_TOKEN                 one that has expired
//   PULSE_SHORT_TOKEN                 one that expires within PULSE_SHORT_S (30), not before the page is open
//   PULSE_MAX_END_S (5)               from the line until a page has ended and says so; includes what the parent takes to act
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch, limit, progress, report, shown, until, watch } from './browser.mjs';

const START_MS = 20_000;
const END_MS = limit('PULSE_MAX_END_S', 5) * 1000;

test('a signed stream plays with a token, not without one, and ends when that does or is withdrawn', { timeout: 180_000 }, async () => {
  const browser = await launch();
  try {
    const short = await watch(browser, process.env.PULSE_SHORT_TOKEN);
    await plays(short);
    await refused(await watch(browser), /private/);
    await refused(await watch(browser, process.env.PULSE_ENDED_TOKEN), /link does not open/);
    await refused(await watch(browser, 'no.token.atall'), /link does not open/);
    const first = await watch(browser, process.env.PULSE_TOKEN);
    const second = await watch(browser, process.env.PULSE_OTHER_TOKEN);
    await plays(first);
    await plays(second);

    report('revoke-token');
    await ends(first, END_MS);
    await plays(second);
    report('revoke-viewer');
    await ends(second, END_MS);
    await ends(short, limit('PULSE_SHORT_S', 30) * 1000 + END_MS);
    for (const page of [first, second, short]) assert.deepEqual(page.problems, []);
  } finally {
    await browser.close();
  }
});

/** The page says in words why there is no picture, and does not look busy. */
async function refused(page, title) {
  await until(page, 'refused', ({ state }) => state === 'denied', START_MS);
  const said = await shown(page);
  assert.match(said.title, title);
  assert.notEqual(said.text, '');
  assert.equal(said.spinner, false);
  assert.equal((await progress(page)).empty, true);
  assert.deepEqual(page.problems, []);
  await page.context().close();
}

async function plays(page) {
  await until(page, 'playing', ({ state, firstFrameMs }) => state === 'playing' && firstFrameMs !== null, START_MS);
  const before = await progress(page);
  await sleep(2_000);
  const after = await progress(page);
  assert.ok(after.seconds > before.seconds + 0.5, `from ${before.seconds} s to ${after.seconds} s`);
  assert.ok(after.frames > before.frames, `${after.frames - before.frames} frames`);
  assert.deepEqual(await shown(page), { title: '', text: '', spinner: false });
}

/** The picture goes, what was fetched ahead included, and the page says so. */
async function ends(page, patienceMs) {
  const asked = Date.now();
  await until(page, 'withdrawn', ({ state }) => state === 'withdrawn', patienceMs);
  report('ended', { ms: Date.now() - asked });
  const said = await shown(page);
  assert.match(said.title, /access has ended/);
  assert.equal(said.spinner, false);
  const before = await progress(page);
  assert.equal(before.empty, true, 'something is still there to be played');
  await sleep(500);
  assert.equal((await progress(page)).seconds, before.seconds);
}
