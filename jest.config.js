/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  // Need a browser: test/browser/run. Nodes that die, for as long as that takes: npm run test:crowd.
  testPathIgnorePatterns: [
    ...['/node_modules/', '/test/browser/'],
    ...(process.env.SESSION_TEST_CROWD ? [] : ['/test/crowd/']),
  ],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nestjs-redis-session$': '<rootDir>/lib/index.ts',
    '^nestjs-redis-session/health$': '<rootDir>/lib/health/index.ts',
    '^nestjs-redis-session/express$': '<rootDir>/lib/express/index.ts',
    '^nestjs-redis-session/fastify$': '<rootDir>/lib/fastify/index.ts',
    '^nestjs-redis-session/testing$': '<rootDir>/lib/testing/index.ts',
    '^nestjs-redis-session/otel$': '<rootDir>/lib/otel/index.ts',
    '^nestjs-redis-session/admin$': '<rootDir>/lib/admin/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  // Suites wait for servers more than they compute: on two cores jest would run one at a time.
  maxWorkers: 2,
  // Ends only what hangs: a machine that is ten times as slow is to pass as well.
  testTimeout: 300_000,
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
};
