// Figures are taken on request, not with every test: `npm run figures`, with EVERWIRE_BIN for a release build.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['*.figures.ts'], testTimeout: 300_000, expect: { poll: { interval: 5, timeout: 30_000 } } },
});
