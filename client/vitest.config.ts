// `alone` needs nothing but Node. `live` is on a real server, one file at a time: some of it kills servers.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 120_000,
    expect: { poll: { interval: 10, timeout: 20_000 } },
    projects: [
      { extends: true, test: { name: 'alone', include: ['test/*.test.{ts,tsx}'] } },
      {
        extends: true,
        test: {
          name: 'live',
          include: ['test/live/*.test.{ts,tsx}'],
          globalSetup: './test/live/setup.ts',
          fileParallelism: false,
        },
      },
    ],
  },
});
