// How much does a page load? Bundles each entry point as an application would, and prints bytes: minified, and compressed
// by gzip. What the application has anyway (graphql, react, Apollo, urql) is left out, but for the last line.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const ANYWAY = ['graphql', 'react', '@apollo/client', '@urql/core', 'rxjs'];
const CORE = "export { connect } from './src/index.ts';";
/** Its name, its code, what is left out, and the most KiB. */
const ENTRIES = [
  ['everwire', CORE, ANYWAY, 16],
  ['everwire, and everwire/react', `${CORE} export * from './src/react.ts';`, ANYWAY, 17],
  ['everwire, and everwire/storage', `${CORE} export * from './src/storage.ts';`, ANYWAY, 19],
  ['everwire, and what it uses of graphql', CORE, [], 28],
];

for (const [name, contents, external, limit] of ENTRIES) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL('..', import.meta.url).pathname },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external,
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
  });
  const [{ contents: bundle }] = outputFiles;
  const [minified, compressed] = [bundle.length, gzipSync(bundle, { level: 9 }).length].map((bytes) => bytes / 1024);
  console.log(`${name.padEnd(40)}${minified.toFixed(1)} KiB, ${compressed.toFixed(1)} KiB by gzip (at most ${limit})`);
  if (compressed > limit) process.exitCode = 1;
}
