import base from '../../jest.config.js';

/** Run by `npm run test:browser`, apart from the others: they need a browser. */
/** @type {import('jest').Config} */
export default {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/test/browser'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 180_000,
};
