import type { View } from '../recovery.ts';

/** The card over the picture. */
export interface Words {
  readonly title: string;
  readonly text: string;
  /** Label of the button that asks the server at once; none where the page is busy anyway. */
  readonly button: string | null;
}

/**
 * The state of the stream in plain words; `null` when the picture speaks for itself. `invited` says whether the page's address has
 * a token.
 */
export function wordsFor(view: View, detail: string, invited: boolean): Words | null {
  switch (view) {
    case 'playing':
      return null;
    case 'loading':
      return { title: 'Loading', text: '', button: null };
    case 'starting':
      return { title: 'About to start', text: 'Waiting for the first pictures from the broadcaster.', button: null };
    case 'interrupted':
      return { title: 'The broadcaster lost the connection', text: 'It goes on here as soon as they are back.', button: null };
    case 'reconnecting':
      return { title: 'Reconnecting', text: 'The server does not answer at the moment.', button: 'Try now' };
    case 'offline':
      return { title: 'Offline', text: 'Nobody is broadcasting on this channel right now. It starts here by itself.', button: 'Check now' };
    case 'unknown':
      return { title: 'No such channel', text: 'Check the address. If the channel is just being set up, it starts here by itself.', button: 'Check again' };
    case 'ended':
      return { title: 'The broadcast has ended', text: 'Thank you for watching. The next one starts here by itself.', button: null };
    case 'unsupported':
      return { title: 'This broadcast cannot be played here', text: detail || 'It uses a codec that web pages cannot play.', button: 'Check again' };
    case 'denied':
      return invited
        ? { title: 'This link does not open the stream', text: 'It has expired, was withdrawn or is for another stream. Ask whoever gave it to you for a new link.', button: 'Try again' }
        : { title: 'This stream is private', text: 'It is watched by a link of your own. Ask whoever invited you for it.', button: 'Try again' };
    case 'withdrawn':
      return {
        title: 'Your access has ended',
        text: invited ? 'The link has expired or was withdrawn. Ask whoever gave it to you for a new one.' : 'The stream is private now, or was closed. A private one is watched by a link of your own.',
        button: 'Try again',
      };
    case 'full':
      return { title: 'The stream is full', text: 'It takes no more viewers at the moment. It starts here by itself once there is room.', button: 'Try now' };
  }
}

/** The word on the badge in the page's head. */
export function badgeFor(view: View): string {
  const words: Readonly<Partial<Record<View, string>>> = {
    playing: 'Live',
    loading: 'Loading',
    starting: 'Starting',
    interrupted: 'Interrupted',
    reconnecting: 'Reconnecting',
    ended: 'Ended',
    unknown: 'Not found',
    unsupported: 'Not playable',
    denied: 'No access',
    withdrawn: 'No access',
    full: 'Full',
  };
  return words[view] ?? 'Offline';
}
