// Builds the GraphiQL page into dist/, which src/http/pages.rs puts inside the binary: graphiql.html
// for a browser at GET /graphql, everything else under /assets. Nothing is loaded from elsewhere.
//
// GraphiQL is held at 4.x, the last line with the CodeMirror editor: 2 files, 430 KB compressed. 5.x edits
// with Monaco: 20 files, 2.1 MB compressed, and web workers that have to be found and allowed at run time.
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

export default defineConfig({
  base: '/',
  plugins: [withoutFonts],
  build: {
    // One script and one style sheet: the editor's forty parts are all needed for the first sight.
    chunkSizeWarningLimit: 1500,
    rolldownOptions: {
      input: 'graphiql.html',
      output: { codeSplitting: false },
      // React's server-side marks mean nothing here.
      checks: { moduleLevelDirective: false },
    },
  },
  // `npm run dev` uses a server that runs beside it.
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:8080', ws: true } } },
});
