// One Everwire for all tests, one test file at a time: a test that looks at the whole board must not see
// what another one does to it.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['*.test.ts'],
    globalSetup: './server.ts',
    fileParallelism: false,
    testTimeout: 90_000,
    expect: { poll: { interval: 10, timeout: 30_000 } },
  },
});
