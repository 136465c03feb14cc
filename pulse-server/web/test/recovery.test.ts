// The page must come back by itself from everything a server or a network can do, without a human
// and without hammering. Time and randomness are given, so nothing here waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Manifest } from '../src/probe.ts';
import { Recovery, type Command, type Input } from '../src/recovery.ts';

const manifest: Manifest = { url: 'http://h/hls/s/index.m3u8', text: '#EXTM3U', playlist: { variants: [], fingerprint: '' } };
const live: Input = { kind: 'answer', answer: { kind: 'live', manifest } };
const answer = (kind: 'offline' | 'unknown' | 'unreachable' | 'over'): Input => ({ kind: 'answer', answer: { kind } });

/** A recovery with a clock of its own; `random` in the middle of its range means no jitter. */
class Bench {
  readonly recovery: Recovery;
  now = 1_000;

  constructor(random = 0.5) {
    this.recovery = new Recovery(() => random);
  }

  feed(...inputs: Input[]): Command[] {
    return inputs.flatMap((input) => this.recovery.handle(this.now, input));
  }

  /** Lets the clock run to the deadline; returns the wait in ms. */
  elapse(): number {
    const { deadline } = this.recovery;
    assert.notEqual(deadline, null, 'nothing is planned, the page would stay as it is for ever');
    const wait = (deadline ?? 0) - this.now;
    this.now = deadline ?? 0;
    return wait;
  }

  /** Plays undisturbed for a minute. */
  watch(): void {
    this.feed({ kind: 'begin' }, live, { kind: 'playing' });
    this.now += 60_000;
  }
}

test('a live stream is played with the playlist that was fetched', () => {
  const bench = new Bench();
  assert.deepEqual(bench.feed({ kind: 'begin' }), [{ kind: 'probe', lookForEnd: false }]);
  assert.deepEqual(bench.feed(live), [{ kind: 'play', manifest }]);
  assert.equal(bench.recovery.view, 'loading');
  bench.feed({ kind: 'playing' });
  assert.equal(bench.recovery.view, 'playing');
  assert.equal(bench.recovery.deadline, null);
});

test('a killed server is asked again until it is back, and the player resumes', () => {
  const bench = new Bench();
  bench.watch();
  bench.feed({ kind: 'failed', failure: 'network' });
  assert.equal(bench.recovery.view, 'reconnecting');
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    waits.push(bench.elapse());
    assert.deepEqual(bench.feed({ kind: 'due' }), [{ kind: 'probe', lookForEnd: false }]);
    bench.feed(answer('unreachable'));
  }
  assert.equal(waits[0], 500);
  assert.ok(waits.every((wait, i) => i === 0 || wait >= (waits[i - 1] ?? 0)), `backoff shrinks: ${waits}`);
  assert.equal(waits.at(-1), 5_000);
  bench.elapse();
  bench.feed({ kind: 'due' });
  assert.deepEqual(bench.feed(live), [{ kind: 'play', manifest }]);
  bench.feed({ kind: 'playing' });
  assert.equal(bench.recovery.view, 'playing');
});

test('an ended session is renewed at once, but a second refusal waits', () => {
  const bench = new Bench();
  bench.watch();
  bench.feed({ kind: 'failed', failure: 'refused' });
  assert.ok(bench.elapse() <= 300);
  bench.feed({ kind: 'due' }, live, { kind: 'playing' });
  bench.now += 500;
  bench.feed({ kind: 'failed', failure: 'refused' });
  assert.ok(bench.elapse() >= 500, 'a player that fails at once must not be remade in a tight loop');
});

test('waits are spread over the audience', () => {
  const [early, late] = [new Bench(0), new Bench(0.999)];
  for (const bench of [early, late]) {
    bench.watch();
    bench.feed({ kind: 'failed', failure: 'network' });
  }
  assert.ok(late.elapse() - early.elapse() > 200);
});

test('an offline channel is asked gently and starts by itself', () => {
  const bench = new Bench();
  bench.feed({ kind: 'begin' });
  assert.deepEqual(bench.feed(answer('offline')), [{ kind: 'stop' }]);
  assert.equal(bench.recovery.view, 'offline');
  let last = 0;
  for (let i = 0; i < 10; i++) {
    last = bench.elapse();
    bench.feed({ kind: 'due' }, answer('offline'));
  }
  assert.equal(last, 15_000);
  bench.elapse();
  bench.feed({ kind: 'due' });
  assert.deepEqual(bench.feed(live), [{ kind: 'play', manifest }]);
});

test('a starting stream is asked again when the server said', () => {
  const bench = new Bench();
  bench.feed({ kind: 'begin' }, { kind: 'answer', answer: { kind: 'starting', retryAfterMs: 2_000 } });
  assert.equal(bench.recovery.view, 'starting');
  assert.equal(bench.elapse(), 2_000);
});

test('Retry-After: 0 does not become a tight loop', () => {
  const bench = new Bench(0);
  bench.feed({ kind: 'begin' }, { kind: 'answer', answer: { kind: 'starting', retryAfterMs: 0 } });
  assert.ok(bench.elapse() >= 200);
});

test('after the end the page waits for the next life and looks for ENDLIST first', () => {
  const bench = new Bench();
  bench.watch();
  bench.feed({ kind: 'ended' });
  assert.equal(bench.recovery.view, 'ended');
  bench.elapse();
  assert.deepEqual(bench.feed({ kind: 'due' }), [{ kind: 'probe', lookForEnd: true }]);
  bench.feed(answer('over'));
  bench.elapse();
  bench.feed({ kind: 'due' }, answer('offline'));
  assert.equal(bench.recovery.view, 'ended', 'the viewer was at its end, not at a channel that never was');
  bench.elapse();
  bench.feed({ kind: 'due' });
  assert.deepEqual(bench.feed(live), [{ kind: 'play', manifest }]);
  bench.feed({ kind: 'playing' });
  assert.equal(bench.recovery.view, 'playing');
});

test('an encoder that is away is waited for with the player kept', () => {
  const bench = new Bench();
  bench.watch();
  assert.deepEqual(bench.feed({ kind: 'encoder', away: true }), []);
  assert.equal(bench.recovery.view, 'interrupted');
  assert.equal(bench.recovery.deadline, null, 'the grace may be long');
  bench.feed({ kind: 'encoder', away: false });
  assert.equal(bench.elapse(), 20_000, 'a player that does not find the way back is replaced');
  assert.deepEqual(bench.feed({ kind: 'due' }), []);
  assert.equal(bench.recovery.view, 'loading');
  assert.ok(bench.elapse() <= 300);
});

test('a player that never shows a picture is replaced', () => {
  const bench = new Bench();
  bench.feed({ kind: 'begin' }, live);
  bench.elapse();
  bench.feed({ kind: 'due' });
  assert.ok(bench.elapse() <= 300);
  assert.deepEqual(bench.feed({ kind: 'due' }), [{ kind: 'probe', lookForEnd: false }]);
});

test('a late track restarts the player with the new playlist, but never out of a waiting state', () => {
  const bench = new Bench();
  bench.watch();
  assert.deepEqual(bench.feed({ kind: 'changed', manifest }), [{ kind: 'play', manifest }]);
  bench.feed({ kind: 'ended' });
  assert.deepEqual(bench.feed({ kind: 'changed', manifest }), []);
});

test('coming back online asks at once, and only once', () => {
  const bench = new Bench();
  bench.watch();
  bench.feed({ kind: 'failed', failure: 'network' });
  assert.deepEqual(bench.feed({ kind: 'wake' }), [{ kind: 'probe', lookForEnd: false }]);
  assert.deepEqual(bench.feed({ kind: 'wake' }), [], 'one question is under way');
  bench.feed(live, { kind: 'playing' });
  assert.deepEqual(bench.feed({ kind: 'wake' }), [], 'an undisturbed player is left alone');
});

test('a codec that cannot be played is explained and looked at again later', () => {
  const bench = new Bench();
  bench.feed({ kind: 'begin' });
  assert.deepEqual(bench.feed({ kind: 'answer', answer: { kind: 'unpackaged', detail: 'HLS cannot carry Speex' } }), [{ kind: 'stop' }]);
  assert.equal(bench.recovery.view, 'unsupported');
  assert.equal(bench.recovery.detail, 'HLS cannot carry Speex');
  assert.ok(bench.elapse() >= 10_000);
});

test('who may not watch is told so, and who may not any more is told that', () => {
  const denied: Input = { kind: 'answer', answer: { kind: 'denied' } };
  const newcomer = new Bench();
  newcomer.feed({ kind: 'begin' });
  assert.deepEqual(newcomer.feed(denied), [{ kind: 'stop' }]);
  assert.equal(newcomer.recovery.view, 'denied');
  const viewer = new Bench();
  viewer.watch();
  viewer.feed({ kind: 'failed', failure: 'refused' });
  assert.ok(viewer.elapse() <= 300, 'the session may merely have ended');
  viewer.feed({ kind: 'due' });
  assert.deepEqual(viewer.feed(denied), [{ kind: 'stop' }]);
  assert.equal(viewer.recovery.view, 'withdrawn');
  assert.ok(viewer.elapse() >= 10_000, 'a refusal is not hammered at');
});

test('who finds no place waits for one, says so all the while, and comes in when there is one', () => {
  const bench = new Bench();
  bench.feed({ kind: 'begin' }, live);
  let last = 0;
  for (let i = 0; i < 10; i++) {
    assert.deepEqual(bench.feed({ kind: 'failed', failure: 'full' }), [{ kind: 'stop' }]);
    assert.equal(bench.recovery.view, 'full');
    last = bench.elapse();
    assert.deepEqual(bench.feed({ kind: 'due' }), [{ kind: 'probe', lookForEnd: false }]);
    assert.deepEqual(bench.feed(live), [{ kind: 'play', manifest }]);
    assert.equal(bench.recovery.view, 'full', 'the playlist alone is no place');
  }
  assert.equal(last, 30_000);
  bench.feed({ kind: 'playing' });
  assert.equal(bench.recovery.view, 'playing');
});

test('a server that says when there may be a place is not asked earlier', () => {
  const bench = new Bench();
  bench.feed({ kind: 'begin' }, { kind: 'answer', answer: { kind: 'busy', retryAfterMs: 20_000 } });
  assert.equal(bench.recovery.view, 'full');
  assert.equal(bench.elapse(), 20_000);
});
