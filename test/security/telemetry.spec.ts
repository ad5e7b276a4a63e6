import { Body, Controller, Get, Post } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pinoHttp, type Options } from 'pino-http';
import {
  jsonCodec,
  RedisSessionModule,
  Session,
  type HttpSession,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { SessionInstrumentation } from 'nestjs-redis-session/otel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { eachAdapter, LogSink, startApp, type Adapter, type StartedApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { textOf } from '../support/manual.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { forgetTelemetry, parentOf, Telemetry } from '../support/telemetry.js';
import { eventually } from '../support/eventually.js';

const PRINCIPAL = 'canary-principal-7f3c';
const PAYLOAD = 'canary-payload-of-a-customer-93ab';
const SECRET = 'Canary_signing-secret-Qz81-lamp-moon-7';
const UNENCODABLE = `${PAYLOAD} that the codec refuses`;

type Account = HttpSession<Record<string, unknown>>;

@Controller()
class CanaryController {
  @Post('login')
  async login(@Session() session: Account, @Body() { as }: { as: string }): Promise<object> {
    await session.authenticate(as);
    return {};
  }

  @Get('read')
  read(@Session() session: Account): object {
    return { known: session.principal !== undefined };
  }

  @Post('write')
  write(@Session() session: Account, @Body() { value }: { value: unknown }): object {
    session['value'] = value;
    return {};
  }

  @Post('update')
  async update(@Session() session: Account, @Body() { value }: { value: unknown }): Promise<object> {
    await session.update('value', () => value);
    return {};
  }

  @Post('renew')
  async renew(@Session() session: Account): Promise<object> {
    await session.regenerateId();
    return {};
  }

  @Post('logout')
  async logout(@Session() session: Account): Promise<object> {
    await session.destroy();
    return {};
  }
}

/** One that quotes what it cannot encode, as codecs of applications do. */
const QUOTING_CODEC = {
  ...jsonCodec,
  name: 'quoting',
  encode: (value: unknown): Uint8Array => {
    if (value === UNENCODABLE) throw new RangeError(`cannot encode ${UNENCODABLE}`);
    return jsonCodec.encode(value);
  },
};

let redis: RedisProcess;
let telemetry: Telemetry;
const instrumentation = new SessionInstrumentation({ recordSessionId: true });

beforeAll(async () => {
  redis = await startRedis();
  telemetry = new Telemetry(instrumentation);
});
beforeEach(() => telemetry.clear());
afterAll(() => {
  instrumentation.disable();
  forgetTelemetry();
});

const nestLog = new LogSink();

/** The application, its requests traced, and logged by pino-http as its options say. */
async function start(
  adapter: Adapter,
  options: SessionModuleOptions = {},
  pino: Options = {},
): Promise<{ app: StartedApp; browser: Browser; lines: string[] }> {
  const lines: string[] = [];
  const { redis: own, ...rest } = options;
  const app = await startApp(
    adapter,
    {
      imports: [
        RedisSessionModule.forRoot({
          redis: { host: redis.host, port: redis.port, timeoutMs: 300, ...own },
          storeGuests: true,
          secrets: [SECRET],
          ...rest,
        }),
      ],
      controllers: [CanaryController],
    },
    {
      logger: nestLog,
      configure: (nest) => {
        telemetry.traceRequests(nest.getHttpServer());
        const log = pinoHttp(pino, { write: (line: string) => void lines.push(line) });
        nest.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
          log(request, response);
          next();
        });
      },
    },
  );
  return { app, browser: new Browser(app.url), lines };
}

/** Every form in which a text could be shown. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  return [text, encodeURIComponent(text), hex, base64, (hex.match(/../g) ?? []).join(' ')];
}

function shownIn(text: string, canaries: readonly string[]): string[] {
  return canaries.filter((canary) => formsOf(canary).some((form) => text.includes(form)));
}

/** The token of a cookie's value, without its signature. */
const tokenOf = (cookie: string | undefined): string => cookie?.split('.')[0] ?? '';

/** What the manual says. */
const REDACT = ['req.headers.cookie', 'req.headers.authorization', 'res.headers["set-cookie"]'];

eachAdapter('spans, metrics and the lines of pino-http', (adapter) => {
  it('have no token, principal or attribute of anything that an application does', async () => {
    const { app, browser, lines } = await start(
      adapter,
      { codec: QUOTING_CODEC, maxSessionBytes: 20_000 },
      { redact: REDACT },
    );
    const tokens: string[] = [];
    const post = async (path: string, body: object, status = 201): Promise<void> => {
      const answer = await browser.post(path, body);
      expect([path, answer.status]).toEqual([path, status]);
      tokens.push(tokenOf(browser.cookie('sid')));
    };
    await post('/write', { value: PAYLOAD });
    await post('/login', { as: PRINCIPAL });
    await post('/write', { value: { deep: [PAYLOAD] } });
    await post('/update', { value: PAYLOAD });
    await post('/write', { value: UNENCODABLE });
    await post('/write', { value: PAYLOAD.repeat(1000) }, 500);
    await post('/renew', {});
    const late = browser.clone();
    await post('/logout', {});
    await late.get('/read');
    await late.get('/read', { cookie: `sid=${PAYLOAD}` });
    await app.close();
    expect(new Set(tokens).size).toBeGreaterThan(2);
    const canaries = [PRINCIPAL, PAYLOAD, SECRET, ...tokens.filter((token) => token !== '')];
    expect(shownIn(lines.join('') + nestLog.text(), canaries)).toEqual([]);
    expect(shownIn(await telemetry.text(), canaries)).toEqual([]);
    // There is something that could show them.
    const names = new Set(telemetry.spans().map(({ name }) => name));
    for (const operation of ['load', 'create', 'save', 'compareAndSet', 'renew', 'destroy', 'wait'])
      expect(names).toContain(`session ${operation}`);
    expect(lines).toHaveLength(10);
    const reasons = (await telemetry.points('nestjs_redis_session.rejected')).map(
      ({ attributes }) => attributes['nestjs_redis_session.reason'],
    );
    expect(reasons).toEqual(expect.arrayContaining(['gone', 'forged']));
  });

  it('have no token where Redis is away, and tell that it is', async () => {
    const { app, browser, lines } = await start(adapter, {}, { redact: REDACT });
    await browser.post('/login', { as: PRINCIPAL });
    redis.pause();
    for (let i = 0; i < 6; i++) expect((await browser.post('/write', { value: PAYLOAD })).status).toBe(503);
    const open = await telemetry.points('nestjs_redis_session.breaker.open');
    expect(open).toContainEqual({
      attributes: { 'server.address': redis.host, 'server.port': redis.port },
      value: 1,
    });
    redis.resume();
    await eventually('the breaker closes', async () => {
      const points = await telemetry.points('nestjs_redis_session.breaker.open');
      return points.every(({ value }) => value === 0) || undefined;
    });
    expect((await browser.get('/read')).json()).toEqual({ known: true });
    await app.close();
    const failed = telemetry
      .spans('session load')
      .flatMap(({ attributes }) => attributes['error.type'] ?? []);
    expect(failed).toContain('TIMEOUT');
    const canaries = [PRINCIPAL, PAYLOAD, SECRET, tokenOf(browser.cookie('sid'))];
    expect(shownIn(lines.join('') + (await telemetry.text()), canaries)).toEqual([]);
  });

  it('have each operation and each wait beneath the span of its request', async () => {
    const { app, browser } = await start(adapter);
    await browser.post('/write', { value: 1 });
    await browser.post('/login', { as: PRINCIPAL });
    await browser.get('/read');
    await browser.post('/logout', {});
    await app.close();
    const requests = new Map(
      telemetry
        .spans()
        .flatMap((span) =>
          /^(GET|POST) /.test(span.name) ? [[span.spanContext().spanId, span.name] as const] : [],
        ),
    );
    const ours = telemetry.spans().filter(({ name }) => name.startsWith('session '));
    const placed = ours.map((span) => `${requests.get(parentOf(span) ?? '')} > ${span.name}`);
    expect(placed).toEqual(
      expect.arrayContaining([
        'POST /write > session create',
        'POST /write > session wait',
        'POST /login > session load',
        'POST /login > session renew',
        'GET /read > session load',
        'POST /logout > session destroy',
      ]),
    );
    expect(placed.filter((one) => one.startsWith('undefined'))).toEqual([]);
  });

  it('have the token where pino-http is left as it is, of requests and of responses', async () => {
    const { app, browser, lines } = await start(adapter);
    await browser.post('/login', { as: PRINCIPAL });
    const token = tokenOf(browser.cookie('sid'));
    const first = lines.join('');
    await browser.get('/read');
    await app.close();
    const second = lines.join('').slice(first.length);
    expect(shownIn(first, [token])).toEqual([token]);
    expect(shownIn(second, [token])).toEqual([token]);
  });

  it('have it not where the manual is followed, with a header in place of the cookie as well', async () => {
    const header = 'x-auth-token';
    const { app, lines } = await start(
      adapter,
      { transport: { header } },
      { redact: [...REDACT, `req.headers["${header}"]`, `res.headers["${header}"]`] },
    );
    const answer = await fetch(`${app.url}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ as: PRINCIPAL }),
    });
    const token = answer.headers.get(header) ?? '';
    const read = await fetch(`${app.url}/read`, { headers: { [header]: token } });
    expect(await read.json()).toEqual({ known: true });
    await app.close();
    expect(lines.length).toBeGreaterThan(1);
    expect(shownIn(lines.join(''), [tokenOf(token)])).toEqual([]);
  });
});

describe("the manual's line for pino", () => {
  it('is the one that this file tries', () => {
    const page = textOf('docs/operations.md');
    expect(REDACT.filter((path) => !page.includes(`'${path}'`))).toEqual([]);
  });
});
