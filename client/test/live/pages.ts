// The code of a page of the documentation, as its reader has it in the end: a folder with its files, and the package as it is
// packed for npm. All other packages are those of the tests.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const PACKAGE = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

export class Page {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes every block that names a file; the address of the server in it is that of the tests. */
  static async write(name: string, base: string): Promise<Page> {
    const text = await readFile(path.join(PACKAGE, '../docs', name), 'utf8');
    await mkdir(path.join(PACKAGE, 'dist/pages'), { recursive: true });
    const folder = await mkdtemp(path.join(PACKAGE, 'dist/pages/'));
    const files = [...text.matchAll(/\n```\w+ (\S+)\n([\s\S]*?)\n```/g)];
    if (files.length === 0) throw new Error(`no file stands in ${name}`);
    for (const [, file = '', code = ''] of files) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), code.replaceAll('http://127.0.0.1:8080', base));
    }
    await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }');
    await install(folder);
    return new Page(folder);
  }

  /** Runs a program that the page installs, and gives what it prints. */
  async run(program: string, ...given: string[]): Promise<string> {
    const binary = path.join(PACKAGE, 'node_modules/.bin', program);
    try {
      return (await run(binary, given, { cwd: this.folder })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${program} ${given.join(' ')}\n${stdout}${stderr}`, { cause: error });
    }
  }

  /** Bundles a module of the page, without packages, and loads it. */
  async load(file: string): Promise<Record<string, unknown>> {
    const out = path.join(this.folder, `${path.parse(file).name}.bundle.js`);
    await this.run(
      'esbuild',
      file,
      '--bundle',
      '--format=esm',
      '--packages=external',
      '--jsx=automatic',
      `--outfile=${out}`,
    );
    return (await import(/* @vite-ignore */ out)) as Record<string, unknown>;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What `npm install` would bring of the package. */
async function install(folder: string): Promise<void> {
  const own = path.join(folder, 'node_modules/everwire');
  await mkdir(own, { recursive: true });
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: PACKAGE });
  const archive = path.join(folder, stdout.trim().split('\n').at(-1) ?? '');
  await run('tar', ['-xzf', archive, '-C', own, '--strip-components=1']);
}
