import { addressOf } from './address.ts';
import { App } from './app.ts';
import { debugView } from './debug.ts';
import { Meter } from './meter.ts';
import { NativeEngine } from './nativeengine.ts';
import { Controls } from './ui/controls.ts';
import { Details } from './ui/details.ts';
import { byId } from './ui/dom.ts';
import { bindKeyboard } from './ui/keyboard.ts';
import { Screen } from './ui/screen.ts';

/** How often latency, buffer and countdowns are renewed. */
const TICK_MS = 250;

const address = addressOf(location);
if (address) {
  open(address);
} else {
  byId('card-title', HTMLElement).textContent = 'No channel in this address';
  byId('card-text', HTMLElement).textContent = 'A channel is watched at /watch/ followed by its name.';
}

function open(address: NonNullable<ReturnType<typeof addressOf>>): void {
  const video = byId('video', HTMLVideoElement);
  document.title = `${address.streamId} · Pulse`;
  byId('title', HTMLElement).textContent = address.streamId;

  const meter = new Meter(video, () => screen.tick());
  const app = new App(address, video, meter, loadHls, {
    view: () => screen.show(),
    choices: () => controls.showChoices(),
    autoplay: (outcome) => {
      if (outcome === 'muted') controls.sound.offerUnmute();
      controls.offerStart(outcome === 'blocked');
    },
  });
  const screen = new Screen(app, meter);
  const controls = new Controls(app, video);
  const details = new Details(app, video, meter);
  bindKeyboard(controls, details);
  window.pulse = debugView(app, video, meter);

  // The playlist is asked for before hls.js is there; the two requests overlap.
  app.begin();
  void loadHls().catch(() => undefined);
  window.setInterval(() => {
    screen.tick();
    controls.tick();
    details.tick();
  }, TICK_MS);

  /** hls.js, or `null` where only the browser's own player can work (iPhones before iOS 17.1). */
  async function loadHls() {
    const mse = 'MediaSource' in window || 'ManagedMediaSource' in window;
    if (!mse && NativeEngine.playsHere(video)) return null;
    return (await import('hls.js')).default;
  }
}
