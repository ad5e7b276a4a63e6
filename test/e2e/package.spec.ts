import { beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { copyFile, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { tempDir } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { startNode, type NodeProcess } from '../support/node-process.js';
import { startRedis } from '../support/redis-server.js';
import { buildInto, ROOT, TSC } from './fixtures/build.js';

const INSTALL_TIMEOUT_MS = 900_000;
const ATTW = join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js');
const run = promisify(execFile);

/** What attw says, as far as it is read here. */
interface Analysis {
  readonly entrypoints: Readonly<Record<string, unknown>>;
  readonly problems: readonly { readonly kind: string }[];
}

/** What an application brings; in the versions that this checkout has, so that npm has them at hand. */
const BROUGHT = [
  '@nestjs/common',
  '@nestjs/config',
  '@nestjs/core',
  '@nestjs/platform-express',
  '@types/node',
  'class-transformer',
  'class-validator',
  'ioredis',
  'reflect-metadata',
  'rxjs',
];

const MAIN = `
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { RedisSessionModule, Session, SessionService, type HttpSession } from 'nestjs-redis-session';

declare module 'nestjs-redis-session' {
  interface SessionAttributes { views?: number }
}

@Controller()
class HomeController {
  constructor(readonly sessions: SessionService) {}

  @Get() home(@Session() session: HttpSession): { views: number; id: string } {
    session.views = (session.views ?? 0) + 1;
    return { views: session.views, id: session.id };
  }
}

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()],
  controllers: [HomeController],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['log', 'error'] });
await app.listen(0, '127.0.0.1');
console.log('listening on ' + (await app.getUrl()));
`;

const MISUSES = `
import type { HttpSession } from 'nestjs-redis-session';
export function misuse(session: HttpSession<{ cart?: string[] }>): void {
  session.cart = 5;
  session.id = 'mine';
  session.unknown = 1;
}
`;

const HEALTH = `
try {
  await import('nestjs-redis-session/health');
  console.log('imported');
} catch (error) {
  console.log(error.code, error.message);
}
`;

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    outDir: 'out',
  },
  files: ['main.ts'],
};

let app = '';
let tarball = '';
let packed: string[] = [];

beforeAll(async () => {
  tarball = await pack();
  app = await tempDir();
  const versions = await Promise.all(
    BROUGHT.map(async (name) => {
      const text = await readFile(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
      return [name, (JSON.parse(text) as { version: string }).version] as const;
    }),
  );
  const dependencies = { ...Object.fromEntries(versions), 'nestjs-redis-session': `file:${tarball}` };
  await writeFile(
    join(app, 'package.json'),
    JSON.stringify({ name: 'app', private: true, type: 'module', dependencies }),
  );
  await writeFile(join(app, 'main.ts'), MAIN);
  await writeFile(join(app, 'misuses.ts'), MISUSES);
  await writeFile(join(app, 'health.js'), HEALTH);
  await writeFile(join(app, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  // Peers are checked: npm refuses to install where one does not fit.
  await run('npm', ['install', '--strict-peer-deps', '--prefer-offline', '--no-audit', '--no-fund'], {
    cwd: app,
  });
  await run(process.execPath, [TSC, '-p', '.'], { cwd: app });
}, INSTALL_TIMEOUT_MS);

/** Builds and packs. */
async function pack(): Promise<string> {
  const dir = await tempDir();
  for (const name of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    await copyFile(join(ROOT, name), join(dir, name));
  }
  await buildInto(join(dir, 'dist'));
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json'], { cwd: dir });
  const [result] = Object.values(
    JSON.parse(stdout) as Record<string, { filename: string; files: { path: string }[] }>,
  );
  if (!result) throw new Error(`npm pack told nothing: ${stdout}`);
  packed = result.files.map(({ path }) => path);
  return join(dir, result.filename);
}

async function arrayBufferOf(file: string): Promise<ArrayBuffer> {
  return new Uint8Array(await readFile(file)).buffer;
}

/** Starts the installed application. */
async function start(env: Record<string, string> = {}): Promise<{ browser: Browser; node: NodeProcess }> {
  const node = await startNode(join(app, 'out/main.js'), { cwd: app, env });
  const [, url = ''] = await node.waitFor(/listening on (\S+)/);
  return { browser: new Browser(url.replace('[::1]', '127.0.0.1')), node };
}

describe('the packed package', () => {
  it('holds the build, README, CHANGELOG and LICENSE, and nothing of the house', () => {
    expect(packed).toEqual(
      expect.arrayContaining(['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'dist/index.js']),
    );
    const others = packed.filter(
      (path) => !/^(dist\/.*\.(js|d\.ts)|[A-Z]+(\.md)?|package\.json)$/.test(path),
    );
    expect(others).toEqual([]);
  });

  it('has nothing that publint would tell its publisher', async () => {
    const messages = await publint({ pack: { tarball: await arrayBufferOf(tarball) }, strict: true });
    expect(messages.messages.map((message) => formatMessage(message, messages.pkg))).toEqual([]);
  });

  it('resolves with its types from everywhere, and is an ES module for require() too', async () => {
    // What attw tells a CommonJS application is no error on the Node versions that are supported: require() of an ES module.
    const args = [ATTW, tarball, '--format', 'json', '--ignore-rules', 'cjs-resolves-to-esm'];
    const { stdout } = await run(process.execPath, args);
    const { analysis } = JSON.parse(stdout) as { analysis: Analysis };
    const { exports } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { exports: object };
    expect(Object.keys(analysis.entrypoints)).toEqual(Object.keys(exports));
    expect([...new Set(analysis.problems.map(({ kind }) => kind))]).toEqual(['CJSResolvesToESM']);
  });

  it('brings only its own dependencies into the application', async () => {
    const modules = await readdir(join(app, 'node_modules'));
    expect(modules).toEqual(expect.arrayContaining(['nestjs-redis-session', 'cookie', 'lru-cache']));
    expect(modules).not.toContain('jest');
    expect(await readdir(join(app, 'node_modules/@nestjs'))).not.toContain('terminus');
  });
});

describe('an application that has installed it', () => {
  it('is told of misuse by the types', async () => {
    const misused = run(process.execPath, [TSC, '--noEmit', ...flags(), 'misuses.ts'], { cwd: app });
    const output = await misused.then(
      () => 'compiled',
      (error: { stdout: string }) => error.stdout,
    );
    expect(output.trim().split('\n')).toEqual([
      expect.stringMatching(/^misuses\.ts\(4,.*TS2322/) as unknown,
      expect.stringMatching(/^misuses\.ts\(5,.*TS2540/) as unknown,
      expect.stringMatching(/^misuses\.ts\(6,.*TS2339/) as unknown,
    ]);
  });

  it('runs without Redis', async () => {
    const { browser, node } = await start();
    expect(node.output()).toContain('Sessions in this process');
    const ids = new Set<string>();
    for (const views of [1, 2, 3]) {
      const view = (await browser.get('/')).json<{ views: number; id: string }>();
      expect(view.views).toBe(views);
      ids.add(view.id);
    }
    expect(ids.size).toBe(1);
    await node.kill();
  });

  it('runs on Redis, where a session survives the process', async () => {
    const redis = await startRedis();
    const { browser, node } = await start({
      REDIS_SESSION_URL: redis.url,
      REDIS_SESSION_ENABLED: 'true',
      REDIS_SESSION_ENABLED_FOR_ANON_TRAFFIC: 'true',
    });
    expect(node.output()).toContain('Successful! Redis-based sessions will expire after 1800 seconds.');
    expect((await browser.get('/')).json()).toMatchObject({ views: 1 });
    await node.kill('SIGKILL');
    await node.restart();
    const [, url = ''] = await node.waitFor(/listening on (\S+)/);
    const again = new Browser(url, browser.jar);
    expect((await again.get('/')).json()).toMatchObject({ views: 2 });
    await node.kill();
  });

  it('needs @nestjs/terminus for /health, and for nothing else', async () => {
    const { stdout } = await run(process.execPath, ['health.js'], { cwd: app });
    expect(stdout).toMatch(/^ERR_MODULE_NOT_FOUND .*'@nestjs\/terminus'/);
  });
});

function flags(): string[] {
  return [
    '--ignoreConfig',
    '--module',
    'NodeNext',
    '--moduleResolution',
    'NodeNext',
    '--strict',
    '--skipLibCheck',
  ];
}
