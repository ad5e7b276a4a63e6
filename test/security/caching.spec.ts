import {
  Controller,
  ForbiddenException,
  Get,
  Header,
  Inject,
  Injectable,
  Post,
  Query,
  Redirect,
  Req,
  Res,
  StreamableFile,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { beforeAll, expect, it } from '@jest/globals';
import {
  RedisSessionModule,
  Session,
  SessionService,
  type AnyRequest,
  type HttpSession,
} from 'nestjs-redis-session';
import type { ServerResponse } from 'node:http';
import { eachAdapter, startApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startCachingProxy, type CachingProxy } from './caching-proxy.js';

type Visit = HttpSession<{ seen?: number }>;

@Injectable()
class WhoGuard implements CanActivate {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const session = await this.sessions.of(context);
    throw new ForbiddenException(`not for ${session.principal ?? 'nobody'}`);
  }
}

@Controller()
class PagesController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('login')
  async login(@Session() session: HttpSession, @Query('as') who: string): Promise<void> {
    await session.authenticate(who);
  }
  @Get('public')
  public(): string {
    return 'for everybody';
  }
  @Get('read')
  read(@Session() session: Visit): string {
    return `hello ${session.principal ?? 'nobody'}`;
  }
  @Get('attribute')
  attribute(@Session('seen') seen: number | undefined, @Session() { principal }: Visit): string {
    return `${principal ?? 'nobody'} ${seen ?? 0}`;
  }
  @Get('write')
  write(@Session() session: Visit): string {
    session.seen = (session.seen ?? 0) + 1;
    return `hello ${session.principal ?? 'nobody'}`;
  }
  @Get('has')
  has(@Session() session: Visit): string {
    return 'seen' in session
      ? `${session.principal ?? 'nobody'} has`
      : `${session.principal ?? 'nobody'} has not`;
  }
  @Get('service')
  async service(@Req() request: AnyRequest): Promise<string> {
    return `hello ${(await this.sessions.of(request)).principal ?? 'nobody'}`;
  }
  @Get('guard')
  @UseGuards(WhoGuard)
  guarded(): string {
    return 'never';
  }
  @Get('error')
  error(@Session() { principal }: Visit): never {
    throw new ForbiddenException(`not for ${principal ?? 'nobody'}`);
  }
  @Get('redirect')
  @Redirect()
  redirect(@Session() { principal }: Visit): object {
    return { url: `/home/${principal ?? 'nobody'}` };
  }
  @Get('raw')
  raw(@Session() { principal }: Visit, @Res() response: { raw?: ServerResponse } & ServerResponse): void {
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'content-type': 'text/plain' });
    raw.end(`hello ${principal ?? 'nobody'}`);
  }
  @Get('stream')
  stream(@Session() { principal }: Visit): StreamableFile {
    return new StreamableFile(Buffer.from(`hello ${principal ?? 'nobody'}`));
  }
  @Get('own')
  @Header('Cache-Control', 'public, max-age=60')
  @Header('Vary', 'Accept')
  own(@Session() { principal }: Visit): string {
    return `hello ${principal ?? 'nobody'}`;
  }
}

const TOUCHING = [
  'read',
  'attribute',
  'write',
  'has',
  'service',
  'guard',
  'error',
  'redirect',
  'raw',
  'stream',
];

eachAdapter('a shared cache in between', (adapter) => {
  let proxy: CachingProxy;
  beforeAll(async () => {
    const app = await startApp(adapter, {
      imports: [RedisSessionModule.forRoot({ enabled: false })],
      controllers: [PagesController],
    });
    proxy = await startCachingProxy(app.url);
  });

  async function user(name: string): Promise<Browser> {
    const browser = new Browser(proxy.url);
    await browser.post(`/login?as=${name}`);
    return browser;
  }

  it.each(TOUCHING)(
    'never shows one user what was made for another, nor gives away a cookie (%s)',
    async (path) => {
      const [alice, bob] = [await user('alice'), await user('bob')];
      const text = ({ text, headers }: Awaited<ReturnType<Browser['get']>>): string =>
        text + (headers.location ?? '');
      expect(text(await alice.get(`/${path}`))).toContain('alice');
      const forBob = await bob.get(`/${path}`);
      expect(text(forBob)).toContain('bob');
      expect(text(forBob)).not.toContain('alice');
      const forNobody = await new Browser(proxy.url).get(`/${path}`);
      expect(text(forNobody)).not.toMatch(/alice|bob/);
      expect(forBob.headers['cache-control']).toBe('private, no-store');
      expect(forBob.headers.vary?.toLowerCase()).toMatch(/\bcookie\b/);
    },
  );

  it('keeps what no session had to do with', async () => {
    const before = proxy.hits();
    const [alice, bob] = [await user('alice'), await user('bob')];
    const first = await alice.get('/public');
    expect(first.headers['cache-control']).toBeUndefined();
    expect(first.headers.vary ?? '').not.toMatch(/cookie/i);
    await bob.get('/public');
    expect(proxy.hits()).toBe(before + 1);
  });

  it('keeps what the application says, for each cookie by itself', async () => {
    const [alice, bob] = [await user('alice'), await user('bob')];
    const before = proxy.hits();
    expect((await alice.get('/own')).text).toBe('hello alice');
    const forBob = await bob.get('/own');
    expect(forBob.text).toBe('hello bob');
    expect(forBob.headers.vary).toMatch(/accept/i);
    expect(forBob.headers['cache-control']).toBe('public, max-age=60');
    expect((await alice.get('/own')).text).toBe('hello alice');
    expect(proxy.hits()).toBe(before + 1);
  });
});
