// Runs the programs of npm packages, as a user's scripts do.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

/** What the program complains of is the error's message. */
export async function tool(folder: string, name: string, parameters: string[], env: Record<string, string> = {}): Promise<void> {
  const program = path.resolve(import.meta.dirname, 'node_modules/.bin', name);
  const options = { cwd: folder, env: { ...process.env, ...env } };
  await promisify(execFile)(program, parameters, options).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${name}: ${error.stdout}${error.stderr}`);
  });
}
