import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionService } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { printed } from '../support/printed.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

interface Printed {
  /** The pattern for a job of one's own. */
  readonly Kitchen: new (sessions: SessionService) => { finish(id: string): Promise<void> };
  /** The pattern for code that came from the Tomcat plugin. */
  readonly later: (session: AnySession) => void;
}

const job = (marker: string, timer: (call: () => void) => void): Printed =>
  printed('docs/saving.md', marker, { setTimeout: timer }) as Printed;

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

eachAdapter("the manual's background jobs, as they are printed", (adapter) => {
  let site: Playground;
  afterEach(() => site.close());

  const start = async (): Promise<Browser> => {
    site = await startPlayground(adapter, redisAt(redis));
    return new Browser(site.url);
  };

  describe('Kitchen', () => {
    const kitchen = () => new (job('class Kitchen', setTimeout).Kitchen)(site.sessions);

    it('writes to the session of its id', async () => {
      const browser = await start();
      const { result: id } = await site.visit(browser, async (session) => {
        await session.authenticate('ann');
        return session.id;
      });
      await kitchen().finish(id);
      expect((await site.visit(browser, (session) => session['order'])).result).toBe('ready');
    });

    it('has nothing to do where the user has logged out', async () => {
      const browser = await start();
      const { result: id } = await site.visit(browser, async (session) => {
        await session.authenticate('ann');
        return session.id;
      });
      await site.visit(browser, (session) => session.destroy());
      await kitchen().finish(id);
      expect(await site.sessions.open(id)).toBeUndefined();
    });
  });

  describe('later', () => {
    it.each([
      ['somebody who is logged in', 'saved'],
      ['a visitor without a session', 'told'],
      ['somebody who has logged out in the request', 'told'],
      ['somebody who logs out before it comes to that', 'told'],
    ])('%s: %s, and never thrown', async (who, outcome) => {
      const browser = await start();
      const timers: (() => void)[] = [];
      const { later } = job('function later', (call) => timers.push(call));
      await site.visit(browser, async (session) => {
        if (who !== 'a visitor without a session') await session.authenticate('ann');
        later(session);
        if (who.endsWith('in the request')) await session.destroy();
      });
      if (who.includes('before it')) await site.visit(browser, (session) => session.destroy());
      for (const timer of timers) timer();
      expect(timers).toHaveLength(1);
      if (outcome === 'saved') {
        const report = () => site.visit(browser, (session) => session['report']);
        await eventually('the report is saved', async () =>
          (await report()).result === 'done' ? true : undefined,
        );
      } else {
        await eventually('the log tells of it', () =>
          site.log.messages().some((line) => /"report" is left out|ended meanwhile/.test(line))
            ? true
            : undefined,
        );
        expect((await site.visit(browser, (session) => Object.keys(session))).result).toEqual([]);
      }
    });
  });
});
