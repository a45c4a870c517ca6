// Builds the pages into dist/, which src/http/pages.rs puts inside the binary: board.html for a browser at GET /,
// graphiql.html at GET /graphql, everything else under /assets. Nothing is loaded from elsewhere. Each page is a
// build of its own (`--mode`), one script and one style sheet, so that neither carries a part of the other.
//
// GraphiQL is held at 4.x, the last line with the CodeMirror editor: 2 files, 430 KB compressed. 5.x edits
// with Monaco: 20 files, 2.1 MB compressed, and web workers that have to be found and allowed at run time.
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** GraphiQL's style sheet carries two font families as base64, nine tenths of it: use the system's. */
const withoutFonts: Plugin = {
  name: 'everwire:without-fonts',
  enforce: 'pre',
  transform(code, id) {
    if (!/graphiql.*\.css$/.test(id)) return null;
    return code.replace(/@font-face\s*\{[^}]*\}/g, '');
  },
};

/** The board's first letters are drawn in its own font: it is asked for together with the script. */
const withFontAtOnce: Plugin = {
  name: 'everwire:font-at-once',
  transformIndexHtml: {
    order: 'post',
    handler(_, { bundle }) {
      const font = Object.keys(bundle ?? {}).find((name) => /figtree-latin-wght.*\.woff2$/.test(name));
      if (!font) return [];
      const attrs = { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: '', href: `/${font}` };
      return [{ tag: 'link', attrs, injectTo: 'head' }];
    },
  },
};

/** Compressed once, here and as well as can be: a server that does it for each request takes a faster, weaker way. */
const compressed: Plugin = {
  name: 'everwire:compressed',
  generateBundle: {
    order: 'post',
    handler(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (!/\.(js|css)$/.test(file.fileName)) continue;
        const text = file.type === 'chunk' ? file.code : file.source;
        this.emitFile({ type: 'asset', fileName: `${file.fileName}.br`, source: brotliCompressSync(text) });
      }
    },
  },
};

const from = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ mode }) => ({
  base: '/',
  plugins: [withoutFonts, withFontAtOnce, compressed],
  resolve: {
    // The package as it stands in this repository, from its source; what it needs is installed here.
    alias: [
      { find: /^everwire$/, replacement: from('../client/src/index.ts') },
      { find: /^everwire\/(.*)$/, replacement: from('../client/src/$1.ts') },
    ],
    dedupe: ['graphql', 'graphql-ws', 'idb', 'react'],
  },
  build: {
    emptyOutDir: mode === 'graphiql',
    // GraphiQL's forty parts are all needed for the first sight.
    chunkSizeWarningLimit: mode === 'graphiql' ? 1500 : 400,
    rolldownOptions: {
      input: mode === 'graphiql' ? 'graphiql.html' : 'board.html',
      output: { codeSplitting: false },
      // React's server-side marks mean nothing here.
      checks: { moduleLevelDirective: false },
    },
  },
  // `npm run dev` uses a server that runs beside it.
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:8080', ws: true } } },
}));
