// Runs sign.py (HS256) and sign.mjs (EdDSA) of a folder with keys as the API shows them, and verifies what they print.
import { execFileSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, randomBytes, verify } from 'node:crypto';

const folder = process.argv[2];
const secret = randomBytes(32);
const pair = generateKeyPairSync('ed25519');
const examples = [
  ['HS256', 'python3', 'sign.py', secret.toString('base64'), (text, tag) => createHmac('sha256', secret).update(text).digest().equals(tag)],
  ['EdDSA', 'node', 'sign.mjs', pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), (text, tag) => verify(null, Buffer.from(text), pair.publicKey, tag)],
];
const expect = (good, what) => {
  if (good) return;
  console.error(`docs/playback-security.md: ${what}`);
  process.exitCode = 1;
};

for (const [algorithm, program, file, key, genuine] of examples) {
  const env = { ...process.env, PULSE_SIGNING_KEY_ID: 'sig_1', PULSE_SIGNING_SECRET: key };
  const token = execFileSync(program, [`${folder}/${file}`, 'str_1', 'viewer-17'], { env, encoding: 'utf8' }).trim();
  const [header, claims, tag] = token.split('.');
  const read = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
  const { alg, kid } = read(header);
  const { aud, sub, iat, exp, viewer_id } = read(claims);
  expect(alg === algorithm && kid === 'sig_1', `${file} has another header`);
  expect(aud === 'pulse:playback' && sub === 'str_1' && viewer_id === 'viewer-17', `${file} has other claims`);
  expect(Number.isInteger(iat) && exp - iat === 600 && Math.abs(iat - Date.now() / 1000) < 60, `${file} has other times`);
  expect(/^[\w-]+$/.test(tag) && genuine(`${header}.${claims}`, Buffer.from(tag, 'base64url')), `${file} signs otherwise`);
}
