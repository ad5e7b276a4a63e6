import { afterEach, describe, expect, it } from '@jest/globals';
import { jsonCodec, type SessionCodec } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startPlayground, type AnySession, type Playground } from './helpers/playground.js';

/** What requests do with the one attribute that they touch, an array. */
const TOUCHES: Readonly<Record<string, (session: AnySession) => unknown>> = {
  'it was read': (session) => (session.value as number[]).length,
  'it was changed inside': (session) => (session.value as number[]).push(4),
  'it was set': (session) => (session.value = [4, 5, 6]),
};

eachAdapter('An attribute that a request touched is encoded once', (adapter) => {
  describe.each([true, false])('with globalInterceptor %s', (globalInterceptor) => {
    let site: Playground;
    afterEach(() => site.close());

    it.each(Object.entries(TOUCHES))('when %s', async (_name, touch) => {
      let encoded = 0;
      const codec: SessionCodec = {
        ...jsonCodec,
        encode: (value) => {
          encoded += 1;
          return jsonCodec.encode(value);
        },
      };
      site = await startPlayground(adapter, { codec, globalInterceptor });
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => {
        session.value = [1, 2, 3];
        session.other = { untouched: true };
      });
      encoded = 0;
      await site.visit(browser, (session) => void touch(session));
      expect(encoded).toBe(1);
    });
  });
});
