import { defineConfig, type Plugin } from 'vite';

/**
 * Lets the browser fetch the hls.js chunk while it still parses the page. The entry imports hls.js
 * dynamically, so that it can ask for the playlist first; without this link the chunk would only be
 * discovered once the entry runs, a round trip later.
 */
function preloadHls(): Plugin {
  return {
    name: 'preload-hls',
    transformIndexHtml: {
      order: 'post',
      handler(_html, context) {
        const chunk = Object.values(context.bundle ?? {}).find(
          (file) => file.type === 'chunk' && file.name === 'hls',
        );
        if (!chunk) return [];
        const href = `/watch/${chunk.fileName}`;
        return [{ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href }, injectTo: 'head' }];
      },
    },
  };
}

export default defineConfig({
  // Absolute, so that the one index.html works for every `/watch/{stream_id}`.
  base: '/watch/',
  plugins: [preloadHls()],
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    // `data:` URLs would need a weaker Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // hls.js alone is close to 600 kB before compression.
    chunkSizeWarningLimit: 700,
  },
  server: {
    // `npm run dev` with a Pulse on its default port: http://localhost:5173/watch/?stream=ID
    proxy: { '/hls': process.env['PULSE_URL'] ?? 'http://127.0.0.1:8080' },
  },
});
