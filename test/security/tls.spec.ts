import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RedisSessionModule, type TlsOptions } from 'nestjs-redis-session';
import { startApp } from '../support/apps.js';
import { tempDir } from '../support/cleanup.js';
import { freePort } from '../support/free-port.js';
import { startRedis } from '../support/redis-server.js';
import { principalOf, startBank } from './bank.js';

const openssl = (...args: string[]): Promise<unknown> => promisify(execFile)('openssl', args);

const dir = await tempDir();
const file = (name: string): string => join(dir, name);
await openssl(
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
  ...[
    '-keyout',
    file('key.pem'),
    '-out',
    file('cert.pem'),
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  ],
);
const tlsPort = await freePort();
await startRedis({
  args: [
    ...[
      '--tls-port',
      String(tlsPort),
      '--tls-cert-file',
      file('cert.pem'),
      '--tls-key-file',
      file('key.pem'),
    ],
    ...['--tls-ca-cert-file', file('cert.pem'), '--tls-auth-clients', 'no'],
  ],
});

describe('TLS to Redis', () => {
  const environment = process.env['NODE_ENV'];
  let ca: string;
  beforeAll(async () => {
    ca = await readFile(file('cert.pem'), 'utf8');
  });
  afterEach(() => {
    process.env['NODE_ENV'] = environment;
  });

  const boot = (tls: boolean | TlsOptions, host = 'localhost'): ReturnType<typeof startBank> =>
    startBank('express', { host, port: tlsPort }, { redis: { tls } });

  it('with a certificate that nobody known has signed, the application does not start', async () => {
    await expect(boot(true)).rejects.toThrow(/cannot serve sessions: DEPTH_ZERO_SELF_SIGNED_CERT/);
  });

  it('with its authority it starts, whether that is given as text or as a file', async () => {
    for (const authority of [ca, file('cert.pem')]) {
      const bank = await boot({ ca: authority });
      const browser = bank.browser();
      await browser.post('/login?as=alice');
      expect(await principalOf(browser)).toBe('alice');
      await bank.close();
    }
  });

  it('with the name of another server it does not start, unless that name is expected', async () => {
    await expect(boot({ ca }, '127.0.0.1')).rejects.toThrow(/ERR_TLS_CERT_ALTNAME_INVALID/);
    await (await boot({ ca, servername: 'localhost' }, '127.0.0.1')).close();
  });

  it('unverified is refused in production, unless that is said twice', async () => {
    await (await boot({ rejectUnauthorized: false })).close();
    process.env['NODE_ENV'] = 'production';
    const refused = startApp('express', {
      imports: [RedisSessionModule.forRoot({ redis: { tls: { rejectUnauthorized: false } } })],
    });
    await expect(refused).rejects.toThrow(/rejectUnauthorized.*refused in production/);
    await (await boot({ rejectUnauthorized: false, allowUnauthorized: true })).close();
  });
});
