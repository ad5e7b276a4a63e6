/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  // Need a browser: test/browser/run.
  testPathIgnorePatterns: ['/node_modules/', '/test/browser/'],
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
  testTimeout: 30000,
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
};
