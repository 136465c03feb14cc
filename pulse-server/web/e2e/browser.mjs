// What the end-to-end tests share: Chromium, the server under test, and a look at `window.pulse`.
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

/** Base URL of a running server and the id of a live stream on it. */
export const SERVER = (process.env.PULSE_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
export const STREAM = process.env.PULSE_STREAM ?? 'demo';

/** Numeric limit from the environment, so that a slower machine can be told apart from a defect. */
export function limit(name, fallback) {
  const value = Number(process.env[name] ?? fallback);
  if (!Number.isFinite(value)) throw new Error(`${name} is not a number`);
  return value;
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

/** Opens the player page in a fresh profile, with a token if one is given. */
export async function watch(browser, token) {
  const page = await blank(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  const query = token === undefined ? '' : `?token=${encodeURIComponent(token)}`;
  await page.goto(`${SERVER}/watch/${encodeURIComponent(STREAM)}${query}`);
  return page;
}

/** An empty page. Script errors and what policies forbid are collected in `page.problems`. */
export async function blank(context) {
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (/Content.Security.Policy/i.test(message.text())) page.problems.push(message.text());
  });
  await page.exposeFunction('reportViolation', (violation) => page.problems.push(violation));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      window.reportViolation(`${violatedDirective} forbids ${blockedURI}`);
    });
  });
  return page;
}

/** A copy of `window.pulse` (see src/debug.ts). */
export function pulse(page) {
  return page.evaluate(() => Object.fromEntries(Object.keys(window.pulse).map((key) => [key, window.pulse[key]])));
}

/** Waits until `window.pulse` satisfies `condition`; fails with its last contents. */
export async function until(page, what, condition, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const state = await pulse(page);
    if (condition(state)) return state;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms; ${JSON.stringify(state)}`);
    await sleep(50);
  }
}

/** What the page says over the picture, if it says anything, and whether it shows a spinner. */
export function shown(page) {
  return page.evaluate(() => {
    const visible = (id) => document.getElementById(id).checkVisibility();
    const text = (id) => document.getElementById(id).textContent;
    return { title: visible('card') ? text('card-title') : '', text: visible('card') ? text('card-text') : '', spinner: visible('spinner') };
  });
}

/** Where the picture is, in seconds, and how many frames were shown. */
export function progress(page) {
  return page.evaluate(() => {
    const video = document.querySelector('video');
    return { seconds: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, empty: video.readyState === 0 };
  });
}

export function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** One machine-readable line a result: `pulse-e2e {"event":…}`. The parent harness reads these. */
export function report(event, values = {}) {
  process.stdout.write(`pulse-e2e ${JSON.stringify({ event, ...values })}\n`);
}
