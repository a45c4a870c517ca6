import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: './test/setup.ts',
    include: ['test/**/*.test.{ts,tsx}'],
    testTimeout: 30_000,
    expect: { poll: { interval: 10, timeout: 10_000 } },
  },
});
