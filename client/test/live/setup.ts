// One server for all tests that do not break it.
import type { TestProject } from 'vitest/node';
import { Server } from './server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** `http://127.0.0.1:…`, without a path. */
    base: string;
    /** The address of the server's database. */
    databaseUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await Server.start();
  project.provide('base', server.base);
  project.provide('databaseUrl', await server.databaseUrl());
  return () => server.stop();
}
