// The page reads the multivariant playlist itself for two questions: can this browser play it, and
// is it still the same offer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecName, readMultivariant, unplayableCodecs } from '../src/multivariant.ts';

const playlist = (session: string, bandwidth: number, audio = true) => `#EXTM3U
#EXT-X-VERSION:9
${audio ? `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Main, loud",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="${session}/a0/index.m3u8"\n` : ''}#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},CODECS="avc1.64001f${audio ? ',mp4a.40.2' : ''}",RESOLUTION=1280x720,FRAME-RATE=30.000${audio ? ',AUDIO="audio"' : ''}
${session}/v0/index.m3u8
`;
const read = (text: string) => {
  const result = readMultivariant(text);
  assert.ok(result);
  return result;
};

test('variants are read with their codecs and addresses', () => {
  assert.deepEqual(read(playlist('abc', 2_000_000)).variants, [
    { codecs: ['avc1.64001f', 'mp4a.40.2'], resolution: '1280x720', uri: 'abc/v0/index.m3u8' },
  ]);
});

test('CRLF line ends are read alike', () => {
  assert.deepEqual(read(playlist('abc', 1).replaceAll('\n', '\r\n')), read(playlist('abc', 1)));
});

test('anything else is refused', () => {
  assert.equal(readMultivariant('<!doctype html>'), null);
  assert.equal(readMultivariant(''), null);
});

test('another session and another measured bandwidth are the same offer', () => {
  assert.equal(read(playlist('abc', 2_000_000)).fingerprint, read(playlist('xyz', 2_345_678)).fingerprint);
});

test('a late audio track is another offer', () => {
  assert.notEqual(read(playlist('abc', 1, false)).fingerprint, read(playlist('abc', 1)).fingerprint);
});

test('missing decoders are named only if no variant is left', () => {
  const both = read(`${playlist('s', 1)}#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="hvc1.1.6.L93.B0"\ns/v1/index.m3u8\n`);
  const noHevc = (mime: string) => !mime.includes('hvc1');
  assert.deepEqual(unplayableCodecs(both, noHevc), []);
  const hevc = read('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="hvc1.1.6.L93.B0,mp4a.40.2"\ns/v1/index.m3u8\n');
  assert.deepEqual(unplayableCodecs(hevc, noHevc), ['hvc1.1.6.L93.B0']);
});

test('audio codecs are asked about as audio', () => {
  const asked: string[] = [];
  unplayableCodecs(read(playlist('s', 1)), (mime) => asked.push(mime) > 0);
  assert.deepEqual(asked, ['video/mp4;codecs="avc1.64001f"', 'audio/mp4;codecs="mp4a.40.2"']);
});

test('codecs have names', () => {
  assert.deepEqual(['hvc1.1.6.L93.B0', 'av01.0.05M.08', 'mp4a.40.2', 'mp4a.40.34', 'Opus', 'xyz'].map(codecName), ['HEVC (H.265)', 'AV1', 'AAC', 'MP3', 'Opus', 'xyz']);
});
