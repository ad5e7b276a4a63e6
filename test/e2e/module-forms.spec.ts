import { Injectable, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import {
  RedisSessionModule,
  type RedisSessionOptionsFactory,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startApp } from '../support/apps.js';
import { tempDir } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { at, configModule, observer, probe, type SessionView } from './fixtures/probe.js';

let redis: RedisProcess;
let store: Redis;
const environment = { ...process.env };

beforeAll(async () => {
  redis = await startRedis();
  store = observer(redis.port);
});

// ConfigModule copies what it reads from a file into the environment.
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
});

type Imports = Parameters<typeof probe>;

/** Each form, told to use `clusterId` on the test's server. */
const FORMS: readonly (readonly [string, (clusterId: string) => Imports | Promise<Imports>])[] = [
  ['forRoot with options', (clusterId) => [RedisSessionModule.forRoot(options(clusterId))]],
  [
    'forRootAsync without an argument, from a .env file',
    async (clusterId) => {
      const envFilePath = join(await tempDir(), '.env');
      const lines = Object.entries(settings(clusterId)).map(([name, value]) => `${name}=${value}`);
      await writeFile(envFilePath, `${lines.join('\n')}\n`);
      const config = await ConfigModule.forRoot({ isGlobal: true, envFilePath });
      return [config, RedisSessionModule.forRootAsync()];
    },
  ],
  [
    'forRootAsync without an argument, from the environment',
    (clusterId) => {
      Object.assign(process.env, settings(clusterId));
      return [
        ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }),
        RedisSessionModule.forRootAsync(),
      ];
    },
  ],
  [
    'forRootAsync without an argument, from a custom loader',
    (clusterId) => [
      configModule({ ...settings(clusterId), REDIS_SESSION_ENABLED: true, REDIS_SESSION_PORT: redis.port }),
      RedisSessionModule.forRootAsync(),
    ],
  ],
  [
    'forRootAsync that imports a ConfigModule which is not global',
    (clusterId) => [
      RedisSessionModule.forRootAsync({
        imports: [
          // A class around it, since Nest would make a module of two equal imports.
          ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => settings(clusterId)] }) as never,
        ],
      }),
    ],
  ],
  [
    'defaults for what ConfigService does not say',
    (clusterId) => [configModule({}), RedisSessionModule.forRootAsync({ defaults: options(clusterId) })],
  ],
  [
    'ConfigService over defaults',
    (clusterId) => [
      configModule(settings(clusterId)),
      RedisSessionModule.forRootAsync({
        defaults: { ...options('other'), redis: { host: 'nowhere.invalid', port: 1 } },
      }),
    ],
  ],
  [
    'useFactory with inject',
    (clusterId) => [
      configModule({ ID: clusterId }),
      RedisSessionModule.forRootAsync({
        inject: [ConfigService],
        useFactory: async (config: ConfigService) => options(config.getOrThrow<string>('ID')),
      }),
    ],
  ],
  [
    'useClass',
    (clusterId) => {
      @Injectable()
      class Factory implements RedisSessionOptionsFactory {
        createRedisSessionOptions(): SessionModuleOptions {
          return options(clusterId);
        }
      }
      return [RedisSessionModule.forRootAsync({ useClass: Factory })];
    },
  ],
  [
    'useExisting',
    (clusterId) => {
      @Injectable()
      class Factory implements RedisSessionOptionsFactory {
        async createRedisSessionOptions(): Promise<SessionModuleOptions> {
          return options(clusterId);
        }
      }
      @Module({ providers: [Factory], exports: [Factory] })
      class FactoryModule {}
      return [RedisSessionModule.forRootAsync({ imports: [FactoryModule], useExisting: Factory })];
    },
  ],
];

function options(clusterId: string): SessionModuleOptions {
  return { clusterId, redis: { host: redis.host, port: redis.port } };
}

function settings(clusterId: string): Record<string, string> {
  return { ...at(redis), REDIS_SESSION_CLUSTER_ID: clusterId };
}

describe('the module takes its settings from', () => {
  it.each(FORMS.map(([name, form], index) => [name, form, `form-${index}`] as const))(
    '%s',
    async (_name, form, clusterId) => {
      const { url, close } = await startApp('express', probe(...(await form(clusterId))));
      const browser = new Browser(url);
      await browser.post('/session', { fruit: 'apple' });
      expect((await browser.get('/session')).json<SessionView>().attributes).toEqual({ fruit: 'apple' });
      expect(await store.keys(`${clusterId}:session:{*`)).toHaveLength(1);
      await close();
    },
  );

  it('code alone where code decides: the environment is not asked', async () => {
    Object.assign(process.env, settings('from-environment'), { REDIS_SESSION_PORT: '1' });
    for (const module of [
      RedisSessionModule.forRoot(options('from-code')),
      RedisSessionModule.forRootAsync({ useFactory: () => options('from-code') }),
    ]) {
      const { url, close } = await startApp('express', probe(configModule({}), module));
      await new Browser(url).post('/session', { fruit: 'apple' });
      await close();
    }
    expect(await store.keys('from-code:session:{*')).toHaveLength(2);
    expect(await store.keys('from-environment:*')).toEqual([]);
  });

  it('ConfigService, and says what to import where there is none', async () => {
    const started = startApp('express', probe(RedisSessionModule.forRootAsync()));
    await expect(started).rejects.toMatchObject({ name: 'SessionConfigError', code: 'SESSION_CONFIG' });
    await expect(started).rejects.toThrow(/ConfigModule\.forRoot\(\{ isGlobal: true \}\).*@nestjs\/config/);
  });
});
