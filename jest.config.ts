import type { Config } from 'jest';

const config: Config = {
  roots: ['<rootDir>/test'],
  testRegex: '\\.spec\\.ts$',
  // They kill servers and measure times: `npm run test:faults` runs them, one after the other.
  testPathIgnorePatterns: ['/node_modules/', ...(process.env.FAULTS === undefined ? ['/test/faults/'] : [])],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // its ES modules import JSON in a way that Jest warns of
    '^libphonenumber-js/max$': '<rootDir>/node_modules/libphonenumber-js/max/index.cjs',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
        module: { type: 'es6' },
      },
    ],
  },
  // CommonJS packages that require Nest fail unless Nest was imported first.
  setupFiles: ['<rootDir>/test/support/setup.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  testTimeout: 60_000,
  maxWorkers: 2,
  // At the end a worker frees its heap, which takes a second for each GB, and more beside other work; Jest waits for half a second
  // by default. A worker that keeps something open is still ended and told of.
  workerGracefulExitTimeout: 30_000,
};

export default config;
