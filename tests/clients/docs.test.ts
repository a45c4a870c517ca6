// What docs/clients.md shows is what these tests run, letter for letter.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';

const FILES = ['snippets/list.ts', 'snippets/apollo.ts', 'snippets/urql.ts', 'generated-app/codegen.ts'];

test.each(FILES)('%s is in the documentation', async (file) => {
  const page = await readFile(path.resolve(import.meta.dirname, '../../docs/clients.md'), 'utf8');
  const text = await readFile(path.resolve(import.meta.dirname, file), 'utf8');
  expect(page).toContain(`\`\`\`ts\n${text.trimEnd()}\n\`\`\``);
});
