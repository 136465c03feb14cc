// The small pure parts of the page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf } from '../src/address.ts';
import { audioLabel, qualityLabel, seconds } from '../src/labels.ts';
import { namesUnknownRendition } from '../src/renditions.ts';
import { badgeFor, wordsFor } from '../src/ui/words.ts';
import { partsAhead } from '../src/warm.ts';

test('the stream is named by the path, the token by the query', () => {
  assert.deepEqual(addressOf({ pathname: '/watch/demo', search: '' }), { streamId: 'demo', multivariant: '/hls/demo/index.m3u8', invited: false });
  assert.equal(addressOf({ pathname: '/watch/demo/', search: '?token=a%2Bb%3D' })?.multivariant, '/hls/demo/index.m3u8?token=a%2Bb%3D');
  assert.equal(addressOf({ pathname: '/watch/demo', search: '?token=' })?.invited, true);
  assert.equal(addressOf({ pathname: '/watch/', search: '?stream=demo' })?.streamId, 'demo');
  assert.equal(addressOf({ pathname: '/watch/', search: '' }), null);
});

test('a hostile stream id stays one path segment', () => {
  assert.equal(addressOf({ pathname: '/watch/..%2F..%2Fv1', search: '' })?.multivariant, '/hls/..%2F..%2Fv1/index.m3u8');
  assert.equal(addressOf({ pathname: '/watch/100%', search: '' })?.multivariant, '/hls/100%25/index.m3u8');
});

test('a rendition report that the player does not know is noticed, its own playlists are not', () => {
  const own = 'http://h/hls/s/abc/v0/index.m3u8';
  assert.equal(namesUnknownRendition(['../a0/index.m3u8'], own, [own]), true);
  assert.equal(namesUnknownRendition(['../a0/index.m3u8', '../v0/index.m3u8'], own, [own, 'http://h/hls/s/abc/a0/index.m3u8']), false);
  assert.equal(namesUnknownRendition([], own, [own]), false);
  assert.equal(namesUnknownRendition([''], own, [own]), false);
});

test('menu entries read well', () => {
  assert.equal(qualityLabel({ height: 720, frameRate: 30, bitrate: 2_340_000 }), '720p · 2.3 Mbit/s');
  assert.equal(qualityLabel({ height: 1080, frameRate: 59.94, bitrate: 6_000_000 }), '1080p60 · 6.0 Mbit/s');
  assert.equal(qualityLabel({ height: 0, frameRate: 0, bitrate: 128_000 }), '128 kbit/s');
  assert.equal(qualityLabel({ height: 0, frameRate: 0, bitrate: 0 }), 'Source');
  assert.equal(audioLabel({ name: 'English', lang: 'en', channels: '2' }), 'English');
  assert.equal(audioLabel({ name: 'Commentary', lang: 'de', channels: '1' }), 'Commentary (German, mono)');
  assert.equal(audioLabel({ name: '', lang: 'not a tag' }), 'not a tag');
});

test('seconds never show a negative or an unknown number', () => {
  assert.deepEqual([seconds(0.749), seconds(-0.2), seconds(null), seconds(NaN)], ['0.7 s', '0.0 s', '–', '–']);
});

test('every state but playing says something', () => {
  for (const view of ['loading', 'starting', 'interrupted', 'reconnecting', 'offline', 'unknown', 'ended', 'unsupported', 'denied', 'withdrawn', 'full'] as const) {
    assert.ok(wordsFor(view, '', false)?.title, view);
    assert.ok(badgeFor(view), view);
  }
  assert.equal(wordsFor('playing', '', false), null);
  assert.equal(wordsFor('unsupported', 'HLS cannot carry Speex', false)?.text, 'HLS cannot carry Speex');
});

test('who is refused is told whether a link is missing or no longer good', () => {
  assert.match(wordsFor('denied', '', false)?.title ?? '', /private/);
  assert.match(wordsFor('denied', '', true)?.title ?? '', /link does not open/);
});

test('the parts before the first frame are fetched ahead, from the key frame on and without gaps', () => {
  const parts = Array.from({ length: 25 }, (_, i) => ({ start: i * 0.2, independent: i % 10 === 0, gap: i === 22, url: `p${i}` }));
  assert.deepEqual(partsAhead(parts, 4.3), ['p20', 'p21', 'p23', 'p24']);
  assert.equal(partsAhead(parts, 3.9)[0], 'p10');
  assert.equal(partsAhead(parts, 1).length, 16, 'a long GOP has a bound');
  assert.deepEqual(partsAhead(parts, -1), []);
  assert.deepEqual(partsAhead([], 1), []);
});
