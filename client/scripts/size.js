// How much does a page load? Bundles each entry point as an application would, without what the application has anyway
// (graphql, react, Apollo, urql), and prints bytes: minified, and compressed by gzip.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const ENTRIES = {
  everwire: ["export { connect } from './src/index.ts'", 16],
  'everwire, and everwire/react': ["export { connect } from './src/index.ts'; export * from './src/react.ts'", 17],
  'everwire, and everwire/storage': ["export { connect } from './src/index.ts'; export * from './src/storage.ts'", 19],
};

let isTooLarge = false;
for (const [name, [contents, limit]] of Object.entries(ENTRIES)) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL('..', import.meta.url).pathname },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: ['graphql', 'react', '@apollo/client', '@urql/core', 'rxjs'],
    write: false,
  });
  const bundle = outputFiles[0].contents;
  const compressed = gzipSync(bundle, { level: 9 }).length;
  isTooLarge ||= compressed > limit * 1024;
  console.log(
    `${name.padEnd(32)} ${(bundle.length / 1024).toFixed(1)} KiB minified, ${(compressed / 1024).toFixed(1)} KiB by gzip (at most ${limit})`,
  );
}
if (isTooLarge) process.exitCode = 1;
