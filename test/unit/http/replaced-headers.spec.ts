import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, constants, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { isRefused } from '../../../lib/http/replaced-headers.js';

const NAMES = Object.entries(constants)
  .filter(([constant]) => constant.startsWith('HTTP2_HEADER_'))
  .map(([, name]) => String(name))
  .filter((name) => !name.startsWith(':'));

describe('Headers that Node refuses over HTTP/2', () => {
  let server: Http2Server;
  let refused: Record<'one' | 'two', string[]>;

  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const refuses = async (name: string, value: string | string[]): Promise<boolean> => {
      const stream = client.request().on('error', () => undefined);
      const [served] = (await once(server, 'stream')) as [ServerHttp2Stream];
      served.on('error', () => undefined);
      try {
        served.respond({ ':status': 200, [name]: value });
        return false;
      } catch {
        return true;
      } finally {
        served.close();
        stream.destroy();
      }
    };
    refused = { one: [], two: [] };
    for (const name of NAMES) {
      if (await refuses(name, '1')) refused.one.push(name);
      if (await refuses(name, ['1', '2'])) refused.two.push(name);
    }
    client.destroy();
  });
  afterAll(() => void server.close());

  it('are all that Node knows of', () => {
    expect(refused.one).toContain('keep-alive');
    expect(refused.two).toContain('etag');
  });

  it.each([
    ['one', '1'],
    ['two', ['1', '2']],
  ] as const)('with %s', (kind, value) => {
    expect(NAMES.filter((name) => isRefused(name.toUpperCase(), value, true))).toEqual(refused[kind]);
  });

  it('over HTTP/1.1: trailers alone', () => {
    expect(NAMES.filter((name) => isRefused(name, ['1', '2'], false))).toEqual(['trailer']);
  });
});
