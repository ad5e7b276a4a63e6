import { Controller, Get, Inject, type ModuleMetadata } from '@nestjs/common';
import { expect, it } from '@jest/globals';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { RedisSessionHealthIndicator, RedisSessionHealthModule } from 'nestjs-redis-session/health';
import { eachAdapter, LogSink, startApp, type StartedApp } from '../support/apps.js';
import { Browser, type BrowserResponse } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { at, configured } from './fixtures/probe.js';

const PASSWORD = 'Xq7-canary-hunter2';
const RING = 'Tr0ub4dor-horse-battery-lamp-moon-7';

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(RedisSessionHealthIndicator) private readonly sessions: RedisSessionHealthIndicator,
  ) {}

  @Get() check(): unknown {
    return this.health.check([() => this.sessions.isHealthy('sessions')]);
  }
}

interface Indication {
  readonly status: string;
  readonly store?: string;
  readonly topology?: string;
  readonly role?: string;
  readonly latencyMs?: number;
  readonly message?: string;
  readonly banner: readonly string[];
}

function sessionsIn(response: BrowserResponse): Indication {
  return response.json<{ details: { sessions: Indication } }>().details.sessions;
}

eachAdapter('the health indicator', (adapter) => {
  function start(settings: Record<string, unknown>, logger?: LogSink): Promise<StartedApp> {
    const metadata: ModuleMetadata = configured(settings);
    return startApp(
      adapter,
      {
        imports: [...(metadata.imports ?? []), TerminusModule, RedisSessionHealthModule],
        controllers: [...(metadata.controllers ?? []), HealthController],
      },
      { logger },
    );
  }

  it('is up with kind, topology, role, latency and the banner', async () => {
    const redis = await startRedis({ password: PASSWORD });
    const logger = new LogSink();
    const settings = {
      ...at(redis),
      REDIS_SESSION_PASSWORD: PASSWORD,
      REDIS_SESSION_SECRETS: RING,
      REDIS_SESSION_URL: '',
    };
    const { url } = await start(settings, logger);
    const response = await new Browser(url).get('/health');
    const { latencyMs, banner, ...rest } = sessionsIn(response);
    expect(response.status).toBe(200);
    expect(rest).toEqual({
      ...{ status: 'up', store: 'redis', topology: 'standalone', role: 'master' },
      evictedKeys: 0,
    });
    expect(latencyMs).toBeGreaterThan(0);
    expect(latencyMs).toBeLessThan(2000);
    const logged = logger.entries.filter(({ context }) => context === 'RedisSessionModule');
    expect(logged.flatMap(({ message }) => message.split('\n')).slice(0, -1)).toEqual(banner);
    expect(banner).toContain(`[✓] REDIS_SESSION_PORT: ${redis.port}`);
    expect(banner).toContain('[✓] REDIS_SESSION_PASSWORD: - Set -');
    expect(response.text).not.toContain(PASSWORD);
    expect(response.text).not.toContain(RING);
  });

  it('tells the role of a replica', async () => {
    const master = await startRedis();
    const replica = await startRedis({ args: ['--replicaof', master.host, String(master.port)] });
    const { url } = await start(at(replica));
    expect(sessionsIn(await new Browser(url).get('/health')).role).toBe('slave');
  });

  it('is down with the reason when Redis is gone, and up again when it is back', async () => {
    const redis = await startRedis({ password: PASSWORD });
    const proxy = await startProxy(redis.port);
    const { url } = await start({
      ...at(proxy),
      REDIS_SESSION_PASSWORD: PASSWORD,
      REDIS_SESSION_TIMEOUT: '400',
    });
    const browser = new Browser(url);
    await redis.kill();
    const down = await browser.get('/health');
    expect(down.status).toBe(503);
    expect(down.timeFirstByteMs).toBeLessThan(6000);
    const { status, message, banner } = sessionsIn(down);
    expect(status).toBe('down');
    expect(message).toContain(`Redis at 127.0.0.1:${proxy.port}`);
    expect(banner).toContain(`[✓] REDIS_SESSION_PORT: ${proxy.port}`);
    expect(down.text).not.toContain(PASSWORD);

    await redis.restart();
    let up = await browser.get('/health');
    for (let tries = 0; up.status !== 200 && tries < 200; tries++) up = await browser.get('/health');
    expect(sessionsIn(up)).toMatchObject({ status: 'up', role: 'master' });
  });

  it('is down within the command timeout when Redis hangs', async () => {
    const redis = await startRedis();
    const { url } = await start({ ...at(redis), REDIS_SESSION_TIMEOUT: '300' });
    redis.pause();
    const down = await new Browser(url).get('/health');
    redis.resume();
    expect(down.status).toBe(503);
    expect(down.timeFirstByteMs).toBeGreaterThan(200);
    expect(down.timeFirstByteMs).toBeLessThan(6000);
    expect(sessionsIn(down).message).toMatch(/did not answer in 300 ms|no answer in time/);
  });

  it('is up in memory mode, and says so', async () => {
    const { url } = await start({});
    const { latencyMs: _, banner, ...rest } = sessionsIn(await new Browser(url).get('/health'));
    expect(rest).toEqual({ status: 'up', store: 'memory', topology: 'process' });
    expect(banner[0]).toBe('Sessions in this process');
  });

  it('never throws, not even when the application is shutting down', async () => {
    const { app } = await start({});
    const indicator = app.get(RedisSessionHealthIndicator);
    await app.close();
    await expect(indicator.isHealthy('sessions')).resolves.toMatchObject({
      sessions: { status: 'down', message: expect.stringContaining('shutting down') as unknown },
    });
  });
});
