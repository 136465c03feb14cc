// The catch-up must reach the live edge without running the buffer dry and without fluttering.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_RATE, nextMove, targetOf, type Reading } from '../src/catchup.ts';

const target = targetOf(0.6);
const at = (reading: Partial<Reading>) => nextMove({ latency: target, target, buffer: 0.5, following: true, fresh: false, rate: 1, ...reading });
const rate = (reading: Partial<Reading>): number => {
  const move = at(reading);
  return move.kind === 'rate' ? move.rate : NaN;
};

test('at the target nothing happens', () => {
  assert.equal(rate({}), 1);
  assert.equal(rate({ latency: target + 0.09 }), 1);
});

test('a viewer behind is sped up gently, more the further behind', () => {
  const [near, far] = [rate({ latency: target + 0.2 }), rate({ latency: target + 2 })];
  assert.ok(near > 1 && near < far && far === MAX_RATE, `${near} ${far}`);
});

test('the rate does not flutter at the threshold', () => {
  assert.equal(rate({ latency: target + 0.08, rate: 1 }), 1);
  assert.ok(rate({ latency: target + 0.08, rate: 1.04 }) > 1);
  assert.equal(rate({ latency: target + 0.02, rate: 1.03 }), 1);
});

test('a thin buffer is never played faster, a dry one slower', () => {
  assert.equal(rate({ latency: target + 2, buffer: 0.2 }), 1);
  assert.ok(rate({ latency: target + 2, buffer: 0.05 }) < 1);
});

test('far behind it jumps', () => {
  assert.deepEqual(at({ latency: target + 30 }), { kind: 'jump' });
});

test('a slow start is made good by a jump, but only into what is buffered', () => {
  assert.deepEqual(at({ latency: target + 1.5, buffer: 2, fresh: true }), { kind: 'jump' });
  assert.equal(at({ latency: target + 1.5, buffer: 1.6, fresh: true }).kind, 'rate');
  assert.equal(at({ latency: target + 1.5, buffer: 2, fresh: false }).kind, 'rate');
});

test('a viewer who went back is left in peace', () => {
  assert.equal(rate({ latency: target + 30, following: false, rate: 1.1 }), 1);
});

test('from 1.5 s behind to within 1.0 s of the wall clock in less than 10 s of playing', () => {
  let latency = 1.5;
  let current = 1;
  let elapsed = 0;
  for (; latency > 0.9 && elapsed < 60; elapsed += 0.25) {
    current = rate({ latency, rate: current, buffer: latency - 0.2 });
    latency -= (current - 1) * 0.25;
  }
  assert.ok(elapsed < 10, `${elapsed} s`);
});
