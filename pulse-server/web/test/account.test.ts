// What the pages of mails read out of a link and say of a refusal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passwordFault, problemOf, tokenIn, UNREACHABLE, wordsFor } from '../account/words.js';

const limited = (retryAfter: string | null) =>
  problemOf(429, retryAfter, { code: 'rate_limited', detail: 'Come back after the seconds that `Retry-After` says.' });

test('the token is in the fragment, and nothing else is taken for one', () => {
  assert.equal(tokenIn('#token=ABC234'), 'ABC234');
  assert.equal(tokenIn('#token=ABC234%20'), 'ABC234');
  for (const none of ['', '#', '#token', '#token=', '#ABC234', '#other=ABC234']) assert.equal(tokenIn(none), null, none);
});

test('a refusal says when to come back, in units of people', () => {
  assert.equal(wordsFor(limited('40')), 'There were too many attempts. Try again in 40 seconds.');
  assert.equal(wordsFor(limited('90')), 'There were too many attempts. Try again in 90 seconds.');
  assert.equal(wordsFor(limited('91')), 'There were too many attempts. Try again in 2 minutes.');
  assert.equal(wordsFor(limited('7200')), 'There were too many attempts. Try again in 2 hours.');
  assert.equal(wordsFor(limited('2')), 'There were too many attempts.');
  for (const odd of [null, '', '-5', '1e9', 'Sun, 06 Nov 1994 08:49:37 GMT', '99999999999']) {
    assert.equal(wordsFor(limited(odd)), 'There were too many attempts.', String(odd));
  }
});

test('a refusal is said in the words of the page, or else of the server, without marks for code', () => {
  const problem = problemOf(400, null, { code: 'invalid_token', detail: 'This `token` is used.' });
  assert.equal(wordsFor(problem), 'This token is used.');
  assert.equal(wordsFor(problem, { invalid_token: 'Used.' }), 'Used.');
  assert.equal(wordsFor(problemOf(400, null, { code: 'toString', detail: 'Odd.' })), 'Odd.');
});

test('fields at fault are named, and what is no such thing is passed over', () => {
  const errors = [{ pointer: '/password', rule: 'too_short', detail: 'At least `10`.' }, { pointer: 7, detail: 'x' }, null, 'x', { parameter: 'y', detail: 'z' }];
  assert.deepEqual(problemOf(400, null, { code: 'invalid_request', detail: 'x', errors }).errors, [{ pointer: '/password', detail: 'At least 10.' }]);
  assert.deepEqual(problemOf(400, null, { code: 'invalid_request', detail: 'x', errors: 'x' }).errors, []);
});

test('an answer of something between is no riddle', () => {
  for (const body of [null, undefined, '<html>', 7, [], { error: 'x' }, { code: 7, detail: 'x' }]) {
    assert.equal(wordsFor(problemOf(502, null, body)), 'The server gave an unexpected answer (502). Try again later.');
  }
  assert.match(wordsFor(UNREACHABLE), /cannot be reached/);
});

test('characters of a password are counted as the server does', () => {
  assert.match(passwordFault('123456789') ?? '', /at least 10/);
  assert.equal(passwordFault('1234567890'), null);
  assert.match(passwordFault('🔑'.repeat(9)) ?? '', /at least 10/);
  assert.equal(passwordFault('🔑'.repeat(256)), null);
  assert.match(passwordFault('x'.repeat(257)) ?? '', /at most 256/);
});
