import { Module } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { SessionConfigError } from '../../lib/core/errors.js';
import { RedisSessionModule } from 'nestjs-redis-session';
import { startApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { configModule, probe } from './fixtures/probe.js';

/** A module of the application that imports the session module on its own account. */
function feature(imported: ReturnType<typeof RedisSessionModule.forRoot>): new () => object {
  @Module({ imports: [imported] })
  class FeatureModule {}
  return FeatureModule;
}

describe('the module set up twice in one application', () => {
  const root = (): ReturnType<typeof RedisSessionModule.forRoot> => RedisSessionModule.forRoot();
  const config = (): ReturnType<typeof RedisSessionModule.forRoot> => RedisSessionModule.forRootAsync();
  it.each([
    ['twice in AppModule', () => [root(), RedisSessionModule.forRoot({ cookie: { name: 'two' } })]],
    ['with equal options', () => [root(), root()]],
    ['from ConfigService and in code', () => [config(), root()]],
    ['from ConfigService twice', () => [config(), config()]],
    ['by a factory', () => [root(), RedisSessionModule.forRootAsync({ useFactory: () => ({}) })]],
    ['in a feature module', () => [root(), feature(root())]],
    ['not global', () => [root(), RedisSessionModule.forRoot({ isGlobal: false })]],
  ])('%s does not start', async (_how, imports) => {
    const started = startApp('express', probe(configModule({}), ...imports()));
    await expect(started).rejects.toThrow(SessionConfigError);
    await expect(started).rejects.toThrow(/2 times in one application.*once, in AppModule/);
  });

  it('is not what it is where several modules import the same one, or the class alone', async () => {
    const one = root();
    const { url } = await startApp('express', probe(one, feature(one), feature(RedisSessionModule as never)));
    const browser = new Browser(url);
    expect((await browser.post('/login/ann')).setCookies).toHaveLength(1);
  });

  it('is not what several applications in a process are, beside or after each other', async () => {
    const first = await startApp('express', probe(root()));
    const second = await startApp('fastify', probe(root()));
    await first.close();
    const third = await startApp('express', probe(root()));
    for (const { url } of [second, third])
      expect((await new Browser(url).post('/login/ann')).status).toBe(201);
  });
});
