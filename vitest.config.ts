import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build-once.ts'],
    // Only what hangs: on a machine with ten times as many processes as cores a test takes ten times as long.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    pool: 'forks',
    // End-to-end tests wait for processes more than they compute; one worker a core uses two cores well.
    maxWorkers: '100%',
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/report/page/**'],
      reporter: ['text-summary', 'html'],
    },
  },
});
