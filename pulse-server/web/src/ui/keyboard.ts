import type { Controls } from './controls.ts';
import type { Details } from './details.ts';

const VOLUME_STEP = 0.05;
const SEEK_S = 5;

/** The page's shortcuts. Keys that the focused control needs for itself stay with it. */
export function bindKeyboard(controls: Controls, details: Details): void {
  const actions: Readonly<Record<string, () => void>> = {
    ' ': () => controls.togglePlay(),
    k: () => controls.togglePlay(),
    m: () => controls.sound.toggle(),
    ArrowUp: () => controls.sound.change(VOLUME_STEP),
    ArrowDown: () => controls.sound.change(-VOLUME_STEP),
    ArrowLeft: () => controls.seek(-SEEK_S),
    ArrowRight: () => controls.seek(SEEK_S),
    l: () => controls.goLive(),
    End: () => controls.goLive(),
    f: () => void controls.toggleFullscreen().catch(() => undefined),
    p: () => void controls.togglePip().catch(() => undefined),
    i: () => details.toggle(),
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = actions[key];
    if (!action || belongsToControl(event.target, key)) return;
    event.preventDefault();
    action();
  });
}

function belongsToControl(target: EventTarget | null, key: string): boolean {
  if (target instanceof HTMLInputElement) return key.startsWith('Arrow') || key === 'End';
  return target instanceof HTMLButtonElement && key === ' ';
}
