import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Body, Controller, Get, Header, Inject, Logger, Module, Post } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { eachAdapter, LogSink, startApp } from '../../support/apps.js';
import { tempDir } from '../../support/cleanup.js';
import { Browser } from '../../support/cookie-jar.js';
import { freePort } from '../../support/free-port.js';
import { startNode } from '../../support/node-process.js';
import { startBalancer } from '../../support/round-robin.js';

@Controller()
class EchoController {
  private readonly logger = new Logger('Echo');

  constructor(@Inject('NAME') private readonly name: string) {}

  @Get() @Header('Set-Cookie', 'a=1') greet(): string {
    this.logger.warn('greeted');
    this.logger.error('failed', new Error('inner').stack);
    return this.name;
  }

  @Post() post(@Body() body: unknown): unknown {
    return { name: this.name, body };
  }
}

function metadata(name: string) {
  return { controllers: [EchoController], providers: [{ provide: 'NAME', useValue: name }] };
}

@Module(metadata('class'))
class EchoModule {}

eachAdapter('startApp', (adapter) => {
  it('serves a module class or metadata, and hands over what it logs', async () => {
    const logger = new LogSink();
    const { url, close } = await startApp(adapter, EchoModule, { logger });
    expect((await new Browser(url).get('/')).text).toBe('class');
    expect(logger.entries).toContainEqual({
      level: 'warn',
      context: 'Echo',
      message: 'greeted',
      raw: ['greeted', 'Echo'],
    });
    expect(logger.entries).toContainEqual(
      expect.objectContaining({ level: 'error', context: 'Echo', message: 'failed' }),
    );
    expect(logger.text()).toContain('Error: inner');
    expect(logger.messages('log').join()).toContain('successfully started');
    await close();
    await close();
    await expect(new Browser(url).get('/')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('applies configure, and rejects when the application does not start', async () => {
    const { url } = await startApp(adapter, metadata('m'), {
      configure: (app) => app.setGlobalPrefix('api'),
    });
    expect((await new Browser(url).get('/api')).text).toBe('m');
    await expect(startApp(adapter, { controllers: [EchoController] })).rejects.toThrow(/NAME/);
  });

  it('is balanced: in turn, headers and bodies as they are, around a node that is down', async () => {
    const a = await startApp(adapter, metadata('a'));
    const b = await startApp(adapter, metadata('b'));
    const down = `http://127.0.0.1:${await freePort()}`;
    const balancer = await startBalancer([a.url, b.url]);
    const browser = new Browser(balancer.url);
    const names = [];
    for (let i = 0; i < 4; i++) names.push((await browser.get('/')).text);
    expect(names).toEqual(['a', 'b', 'a', 'b']);
    expect(browser.cookie('a')).toBe('1');

    const text = 'x'.repeat(50_000);
    balancer.setUpstreams([down, b.url]);
    for (let i = 0; i < 2; i++) {
      expect((await browser.post('/', { text })).json()).toEqual({ name: 'b', body: { text } });
    }
    balancer.setUpstreams([down]);
    expect((await browser.get('/')).status).toBe(502);
    expect(balancer.served.get(b.url)).toBe(4);
  });
});

describe('startNode', () => {
  it('waits for a line, ends by a signal, and starts again with the same environment', async () => {
    process.env['LEAK'] = 'leaked';
    const script = join(await tempDir(), 'app.mjs');
    await writeFile(
      script,
      `process.on('SIGTERM', () => { console.log('bye'); process.exit(3); });
       setInterval(() => {}, 1000);
       console.log('ready', process.pid, process.env.NAME, process.env.LEAK);`,
    );
    const node = await startNode(script, { env: { NAME: 'n1' } });
    const [, pid] = await node.waitFor(/ready (\d+) n1 undefined\n/);
    expect(Number(pid)).toBe(node.pid);
    node.signal('SIGSTOP');
    expect(await node.kill()).toEqual({ code: 3, signal: null });
    expect(node.output()).toContain('bye');

    await node.restart();
    await node.waitFor(/ready \d+ n1/);
    expect(node.pid).not.toBe(Number(pid));
    expect(await node.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    await expect(node.waitFor(/never/)).rejects.toThrow(/ended before it wrote \/never\//);
  });
});
