import { beforeAll, expect, it } from '@jest/globals';
import { Controller, Get, Sse, type MessageEvent } from '@nestjs/common';
import { Session, SessionStoreUnavailableError } from 'nestjs-redis-session';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { finalize, Subject, tap, type Observable } from 'rxjs';
import { eachAdapter, type Adapter, type StartedApp } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { Gate } from './helpers/gate.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

const IN_FLIGHT = 200;

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

/** An application, and another node that stays. */
async function start(
  adapter: Adapter,
  server = redis,
  controllers: (new () => object)[] = [],
): Promise<{ node: Playground; peer: Playground }> {
  const [node, peer] = await Promise.all([
    startPlayground(adapter, redisAt(server), { module: { controllers } }),
    startPlayground(adapter, redisAt(server)),
  ]);
  return { node, peer };
}

async function login(node: Playground): Promise<{ browser: Browser; id: string }> {
  const browser = new Browser(node.url);
  const { result } = await node.visit(browser, async (session) => {
    await session.authenticate('ada');
    return session.id;
  });
  return { browser, id: result };
}

/** Resolves once an application that is closed accepts no new connections. */
function refusing({ app }: StartedApp): Promise<unknown> {
  return eventually('no new connections', () => !app.getHttpServer().listening || undefined);
}

eachAdapter('an application that is closed', (adapter) => {
  it(`answers ${IN_FLIGHT} requests in flight, and what they did is stored`, async () => {
    const { node, peer } = await start(adapter);
    const gate = new Gate();
    const users = await Promise.all(Array.from({ length: IN_FLIGHT }, () => login(node)));
    const acts: ((session: AnySession) => unknown)[] = [
      (session) => (session.value = 'written'),
      (session) => session.authenticate('bob'),
      (session) => session.destroy(),
      (session) => session.principal,
    ];
    // Each rejects unless the answer is 200.
    const visits = users.map(({ browser }, at) =>
      node.visit(browser, async (session) => {
        await gate.pass();
        await acts[at % acts.length]?.(session);
        return session.id;
      }),
    );
    await gate.arrivals(IN_FLIGHT);
    const closed = node.close();
    await refusing(node);
    gate.open();
    const ids = (await Promise.all(visits)).map(({ result }) => result);
    await closed;

    const sessions = await Promise.all(ids.map((id) => peer.sessions.open<{ value?: string }>(id)));
    const found = sessions.map((session) => session && (session.value ?? session.principal));
    expect(found).toEqual(ids.map((_, at) => ['written', 'bob', undefined, 'ada'][at % acts.length]));
  });

  it('ends kept connections with their answer, and waits for none that carries no request', async () => {
    const gate = new Gate();
    @Controller()
    class WithoutSession {
      @Get('plain') async plain(): Promise<string> {
        await gate.pass();
        return 'plain';
      }
      @Get('read') async read(@Session() session: AnySession): Promise<string> {
        await gate.pass();
        return session.principal ?? 'nobody';
      }
    }
    const { node } = await start(adapter, redis, [WithoutSession]);
    const { browser } = await login(node);
    const spare = connect(Number(new URL(node.url).port), '127.0.0.1');
    const spareEnded = once(spare, 'close');
    await once(spare, 'connect');
    const agent = new Agent({ keepAlive: true });
    onCleanup(() => agent.destroy());
    const answers = ['/plain', '/read'].map(async (path) => {
      const headers = { cookie: `sid=${browser.cookie('sid')}` };
      const sent = request(new URL(path, node.url), { agent, headers }).end();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      answer.resume();
      return [answer.statusCode, answer.headers.connection];
    });
    await gate.arrivals(2);
    const closed = node.close();
    await refusing(node);
    gate.open();
    expect(await Promise.all(answers)).toEqual([
      [200, 'close'],
      [200, 'close'],
    ]);
    // By Node alone: for the kept ones after 5 s on Express and 72 s on Fastify, and for the spare one never.
    await closed;
    await spareEnded;
  });

  it.each([
    ['that a browser asked for', { accept: 'text/event-stream' }],
    ['that were asked for like anything else', {}],
  ])('ends event streams %s, and stores what changed in them', async (_who, headers) => {
    const events = new Subject<MessageEvent>();
    @Controller()
    class Streams {
      @Sse('events') events(@Session() session: AnySession): Observable<MessageEvent> {
        return events.pipe(
          tap(() => (session.value = 'seen')),
          finalize(() => (session['ended'] = true)),
        );
      }
    }
    const { node, peer } = await start(adapter, redis, [Streams]);
    const { browser, id } = await login(node);
    const arrival = new Gate();
    const stream = browser.get('/events', {
      headers,
      onData: (text) => text.includes('hello') && void arrival.pass(),
    });
    const broken = expect(stream).rejects.toThrow();
    await eventually('somebody listens', () => events.observed || undefined);
    events.next({ data: 'hello' });
    await arrival.arrivals(1);
    await node.close();
    await broken;
    expect(events.observed).toBe(false);
    expect({ ...(await peer.sessions.open(id)) }).toEqual({ value: 'seen', ended: true });
  });

  it('waits for what jobs have begun, before Redis is closed', async () => {
    const server = await startRedis();
    const { node, peer } = await start(adapter, server);
    const { id } = await login(node);
    const session = (await node.sessions.open(id)) as AnySession;
    session.value = 'set';
    server.pause();
    // Two steps: what is pending is written, then the attribute compared and set.
    const done = session.update('value', (value) => `${String(value)}, updated`);
    const closed = node.close();
    await refusing(node);
    server.resume();
    await closed;
    await done;
    expect({ ...(await peer.sessions.open(id)) }).toEqual({ value: 'set, updated' });
  });

  it('does not wait for a Redis that is dead', async () => {
    const server = await startRedis();
    const { node, peer } = await start(adapter, server);
    await peer.close();
    const { browser, id } = await login(node);
    const session = (await node.sessions.open(id)) as AnySession;
    const gate = new Gate();
    const visit = node.visit(browser, async (current) => {
      await gate.pass();
      current.value = 'never';
    });
    const unavailable = expect(visit).rejects.toThrow(/was answered 503/);
    await gate.arrivals(1);
    server.pause();
    const update = expect(session.update('other', () => 'never')).rejects.toThrow(
      SessionStoreUnavailableError,
    );
    const closed = node.close();
    await refusing(node);
    gate.open();
    await unavailable;
    await update;
    await closed;
    server.resume();
  });
});
