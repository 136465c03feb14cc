// A stream with three places in four pages: three play, the fourth says that it is full and comes in when one of them has gone.
//
//   PULSE_URL, PULSE_STREAM           the server and a live stream whose plan allows three viewers
//   PULSE_TOKENS                      four tokens of four viewers, separated by blanks
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launch, progress, pulse, report, shown, until, watch } from './browser.mjs';

const START_MS = 20_000;

/** Three target durations until the place is free, and the page's longest wait before it asks again. */
const PLACE_MS = 60_000;

test('three of four pages play, and the fourth when one has gone', { timeout: 150_000 }, async () => {
  const browser = await launch();
  try {
    const tokens = process.env.PULSE_TOKENS.split(' ');
    assert.equal(tokens.length, 4);
    const pages = [];
    for (const token of tokens.slice(0, 3)) {
      pages.push(await watch(browser, token));
      await plays(pages.at(-1));
    }
    const fourth = await watch(browser, tokens[3]);
    await until(fourth, 'full', ({ state }) => state === 'full', START_MS);
    const said = await shown(fourth);
    assert.match(said.title, /full/);
    assert.equal(said.spinner, false);
    assert.equal((await progress(fourth)).empty, true);
    for (const page of pages) assert.equal((await pulse(page)).state, 'playing');

    const gone = Date.now();
    await pages.shift().context().close();
    await until(fourth, 'a place', ({ state }) => state === 'playing', PLACE_MS);
    report('placed', { ms: Date.now() - gone });
    await plays(fourth);
    for (const page of [...pages, fourth]) assert.deepEqual(page.problems, []);
  } finally {
    await browser.close();
  }
});

async function plays(page) {
  await until(page, 'playing', ({ state, firstFrameMs }) => state === 'playing' && firstFrameMs !== null, START_MS);
}
