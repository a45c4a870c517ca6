// The schemas of databases that nobody would make up (tests/nasty), as graphql-js, GraphQL Code Generator and a strict
// compiler see them.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generate } from '@graphql-codegen/cli';
import { assertValidSchema, buildSchema } from 'graphql';
import { Client } from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { everwire } from './server';
import { tool } from './tool';

const CORPUS = path.resolve(import.meta.dirname, '../nasty');
const SERVES = '-- Serves: ';

/** A database of its own, with this in it. */
async function create(name: string, sql: string): Promise<string> {
  const url = new URL(inject('databaseUrl'));
  const run = async (address: URL, text: string) => {
    const client = new Client({ connectionString: address.href });
    await client.connect();
    await client.query(text).finally(() => client.end());
  };
  await run(url, `CREATE DATABASE "${name}"`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  await run(own, sql);
  return own.href;
}

test('each is valid, and its types compile', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'everwire-nasty-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const files = (await readdir(CORPUS)).filter((file) => file.endsWith('.sql'));
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) {
    const name = path.basename(file, '.sql');
    const sql = await readFile(path.join(CORPUS, file), 'utf8');
    const served = sql.startsWith(SERVES) ? sql.slice(SERVES.length, sql.indexOf('\n')) : 'public';
    const schemas = served.split(', ').flatMap((schema) => ['--schema', schema]);
    const sdl = await everwire(['schema', ...schemas], { DATABASE_URL: await create(`nasty_${name}`, sql) });
    assertValidSchema(buildSchema(sdl));
    const schema = path.join(folder, `${name}.graphql`);
    await writeFile(schema, sdl);
    const output = { plugins: ['typescript'], config: { enumsAsTypes: true, defaultScalarType: 'unknown' } };
    await generate({ silent: true, schema, generates: { [path.join(folder, `${name}.ts`)]: output } });
  }
  const compiler = { extends: path.resolve(import.meta.dirname, 'generated-app/tsconfig.json'), include: ['*.ts'] };
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(compiler));
  await tool(folder, 'tsc', ['-p', '.']);
}, 300_000);
