// The pages that mails lead to. Mails are read from the server's log, where they are without an SMTP server.
//
//   PULSE_URL, PULSE_MAILS                  the server and its log
//   PULSE_PASSWORD                          the password of everybody who has one
//   PULSE_UNVERIFIED                        who has registered and not verified the address
//   PULSE_FORGETFUL                         who chooses another password, PULSE_NEW_PASSWORD
//   PULSE_INVITED, PULSE_CODE               who is invited and has a second factor, and a recovery code of theirs
//   PULSE_NEWCOMER                          who is invited and has no account
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { blank, launch, SERVER } from './browser.mjs';

const { PULSE_MAILS, PULSE_PASSWORD, PULSE_UNVERIFIED, PULSE_FORGETFUL, PULSE_NEW_PASSWORD, PULSE_INVITED, PULSE_CODE, PULSE_NEWCOMER } = process.env;
const PATIENCE_MS = 15_000;

/** Runs `action` with a function that opens addresses in pages of one profile, whose problems are none at the end. */
async function inBrowser(action) {
  const browser = await launch();
  try {
    const context = await browser.newContext();
    context.setDefaultTimeout(PATIENCE_MS);
    const pages = [];
    await action(async (url) => {
      const page = await blank(context);
      pages.push(page);
      await page.goto(url);
      return page;
    });
    for (const page of pages) assert.deepEqual(page.problems, []);
    assert.deepEqual(await context.cookies(), []);
  } finally {
    await browser.close();
  }
}

/** The link to a page in the newest mail to somebody. */
async function link(email, path) {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(50)) {
    const mails = (await readFile(PULSE_MAILS, 'utf8')).split('mail to ').filter((mail) => mail.startsWith(`${email},`));
    const found = mails.at(-1)?.match(new RegExp(`http://\\S+/${path}#token=\\w+`));
    if (found) return found[0];
  }
  throw new Error(`no mail to ${email} leads to ${path}`);
}

async function says(page, id, words) {
  await page.locator(`#${id}`).filter({ hasText: words }).waitFor();
}

async function press(page, name) {
  await page.getByRole('button', { name, exact: true }).click();
}

async function logIn(page, email, password) {
  await page.locator('#login-email').fill(email);
  await page.locator('#login-password').fill(password);
  await press(page, 'Log in and accept');
}

/** Presses the button of a verifying page. */
async function verify(open, url) {
  const page = await open(url);
  assert.equal(new URL(page.url()).hash, '', 'the token is not in the address bar');
  await press(page, 'Verify address');
  return page;
}

test('an address is verified by a button, once', { timeout: 60_000 }, () => inBrowser(async (open) => {
  const url = await link(PULSE_UNVERIFIED, 'verify-email');
  // Opening it, as scanners do, with or without scripts, uses nothing up.
  await open(url);
  const page = await verify(open, url);
  await says(page, 'said', /is verified/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'said', 'who hears the page is led to what it says');
  const again = await verify(open, url);
  await says(again, 'wrong', /was used already/);
  await again.getByRole('link', { name: 'have a link sent' }).click();
  await again.locator('#email').waitFor();
  await says(await open(`${SERVER}/verify-email`), 'wrong', /Open the link/);
}));

test('a forgotten password is replaced by a link that the page itself asks for', { timeout: 60_000 }, () => inBrowser(async (open) => {
  const asking = await open(`${SERVER}/reset-password`);
  await press(asking, 'Send the link');
  await says(asking, 'email-error', /Fill this in/);
  await asking.locator('#email').fill(PULSE_FORGETFUL);
  await press(asking, 'Send the link');
  await says(asking, 'said', /on its way/);

  const url = await link(PULSE_FORGETFUL, 'reset-password');
  const page = await open(url);
  assert.equal(new URL(page.url()).hash, '');
  await page.getByLabel('New password').fill('short');
  await press(page, 'Change password');
  await says(page, 'password-error', /at least 10 characters/);
  assert.equal(await page.getByLabel('New password').getAttribute('aria-invalid'), 'true');
  await page.getByLabel('New password').fill(PULSE_NEW_PASSWORD);
  await press(page, 'Change password');
  await says(page, 'said', /password is changed/);

  // The same link in the same tab: the fragment alone changes.
  await page.evaluate((hash) => { location.hash = hash; }, new URL(url).hash);
  await page.getByLabel('New password').fill(PULSE_NEW_PASSWORD);
  await press(page, 'Change password');
  await says(page, 'wrong', /was used already/);
  await page.locator('#ask').waitFor();
}));

test('who is invited logs in with a second factor and is a member', { timeout: 60_000 }, () => inBrowser(async (open) => {
  const url = await link(PULSE_INVITED, 'invitation');
  const page = await open(url);
  await logIn(page, PULSE_INVITED, 'not the password');
  await says(page, 'wrong', /Address or password is wrong/);
  assert.equal(await page.locator('#login-code').isVisible(), false);
  await logIn(page, PULSE_INVITED, PULSE_PASSWORD);
  await says(page, 'login-code-error', /enter a code/);
  await page.getByLabel('Code').fill('000000');
  await press(page, 'Log in and accept');
  await says(page, 'login-code-error', /not right/);
  await page.getByLabel('Code').fill(PULSE_CODE);
  await press(page, 'Log in and accept');
  await says(page, 'said', /member of “Acme” now, as developer/);
}));

test('who is invited and has no account registers, verifies the address, and is a member', { timeout: 60_000 }, () => inBrowser(async (open) => {
  const page = await open(await link(PULSE_NEWCOMER, 'invitation'));
  await press(page, 'I have no account yet');
  await page.getByLabel('Your name').fill('Lee');
  await page.locator('#register-email').fill('lee');
  await page.locator('#register-password').fill(PULSE_PASSWORD);
  await press(page, 'Register');
  await says(page, 'register-email-error', /./);
  await page.locator('#register-email').fill(PULSE_NEWCOMER);
  await press(page, 'Register');
  await says(page, 'said', /Follow the link/);
  await says(await verify(open, await link(PULSE_NEWCOMER, 'verify-email')), 'said', /is verified/);
  assert.equal(await page.locator('#login-email').inputValue(), PULSE_NEWCOMER);
  await logIn(page, PULSE_NEWCOMER, PULSE_PASSWORD);
  await says(page, 'said', /member of “Acme” now, as viewer/);
}));

test('who asks too often is told when to come back', { timeout: 60_000 }, () => inBrowser(async (open) => {
  const page = await open(`${SERVER}/reset-password`);
  await page.route('**/v1/auth/password/forgot', (route) => route.fulfill({
    status: 429,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '300' },
    body: JSON.stringify({ code: 'rate_limited', detail: 'Too many requests.' }),
  }));
  await page.locator('#email').fill(PULSE_FORGETFUL);
  await press(page, 'Send the link');
  await says(page, 'wrong', 'There were too many attempts. Try again in 5 minutes.');
  await page.unroute('**/v1/auth/password/forgot');
  await page.route('**/v1/auth/password/forgot', (route) => route.abort());
  await press(page, 'Send the link');
  await says(page, 'wrong', /cannot be reached/);
}));
