import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_TOKENS } from '../../lib/core/manager.js';
import { CookieSigner } from '../../lib/http/signer.js';
import { SessionCookie } from '../../lib/http/session-cookie.js';
import { newToken } from '../../lib/core/token.js';
import { eachAdapter } from '../support/apps.js';
import { watchCommands } from '../support/commands.js';
import { startRedis } from '../support/redis-server.js';
import { startBank } from './bank.js';

/** More by hand: `SECURITY_FUZZ_RUNS=1000000 npm test -- test/security/cookie-fuzz`. */
const RUNS = Number(process.env['SECURITY_FUZZ_RUNS'] ?? 10_000);

const OPTIONS = {
  names: { secure: '__Host-sid', plain: 'sid' },
  path: '/',
  sameSite: 'lax',
  secure: 'auto',
  partitioned: false,
} as const;
const cookie = new SessionCookie(OPTIONS, []);
const signed = new SessionCookie(OPTIONS, ['Tr0ub4dor-horse-battery-lamp-moon-7']);

const tokens = (header: string, secure = false): readonly string[] =>
  cookie.receive({ cookie: header }, { secure }).tokens;

/** Pieces that headers are made of, hostile ones first. */
const piece = fc.oneof(
  fc.constantFrom(
    'sid=',
    'sid',
    '=',
    ';',
    '; ',
    ' ;',
    '"',
    '""',
    '\\',
    '%00',
    '%',
    '%E0%A4',
    ',',
    '\t',
    '\u0000',
    '__Host-sid=',
    'SID=',
    'sid =',
    ' sid=',
  ),
  fc.constantFrom(
    '\u200b',
    '\ufeff',
    '\u00a0',
    'ſid=',
    '__proto__=',
    'constructor=',
    '$Version=1',
    'sid=sid=sid=',
  ),
  fc.constantFrom(newToken(), newToken(), `${newToken()}.${'A'.repeat(43)}`),
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

describe('the cookie parser', () => {
  it(`reads ${RUNS} hostile headers without a throw, and takes nothing for a token that has not its shape`, () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, secure) => {
        const header = pieces.join('');
        const found = tokens(header, secure);
        expect(found.length).toBeLessThanOrEqual(MAX_TOKENS + 1);
        for (const token of found) {
          expect(token).toMatch(/^[A-Za-z0-9_-]{47}$/);
          expect(header).toContain(token);
        }
        expect(signed.receive({ cookie: header }, { secure }).tokens).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it('finds the good one among others, whatever surrounds it', () => {
    const other = fc
      .tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[ -:<-~]{0,20}$/))
      .filter(([name]) => name !== 'sid')
      .map(([name, value]) => `${name}=${value}`);
    fc.assert(
      fc.property(fc.array(other, { maxLength: 20 }), fc.nat(), fc.boolean(), (others, at, quoted) => {
        const token = newToken();
        others.splice(at % (others.length + 1), 0, quoted ? `sid="${token}"` : `sid=${token}`);
        expect(tokens(others.join('; '))).toEqual([token]);
      }),
      { numRuns: 1000 },
    );
  });

  it('hands on no more of ours than show that they are too many, each once', () => {
    const many = Array.from({ length: 100 }, () => newToken());
    const header = many.map((token) => `sid=${token}; sid="${token}"`).join('; ');
    expect(tokens(header)).toEqual(many.slice(0, MAX_TOKENS + 1));
    expect(tokens(header.slice(0, header.indexOf(String(many[16]))))).toEqual(many.slice(0, MAX_TOKENS));
  });

  it('counts no junk, however much of it stands in front', () => {
    const [one, two] = [newToken(), newToken()];
    const junk = Array.from({ length: 1000 }, (_, n) => `sid=${n}`).join('; ');
    expect(tokens(`${junk}; sid=${one}; ${junk}; sid=${two}`)).toEqual([one, two]);
  });

  it('takes a token for one that comes with the signatures of two secrets', () => {
    const secrets = ['Tr0ub4dor-horse-battery-lamp-moon-7', 'zebra_Quilt_92_marble_fountain_kite'];
    const token = newToken();
    const values = secrets.map((secret) => new CookieSigner([secret]).sign('sid', token));
    const header = values.map((value) => `sid=${value}`).join('; ');
    expect(new SessionCookie(OPTIONS, secrets).receive({ cookie: header }, { secure: false })).toEqual({
      tokens: [token],
      forged: false,
    });
  });

  it('takes a name to the letter', () => {
    const token = newToken();
    for (const name of [
      'SID',
      'Sid',
      'xsid',
      'sidx',
      '\u200bsid',
      'sid\u200b',
      'ſid',
      '__Host-sid',
      'sid ',
      '"sid"',
    ]) {
      expect([name, tokens(`${name}=${token}`)]).toEqual([name, []]);
    }
    expect(tokens(`__Host-sid=${token}`, true)).toEqual([token]);
    // Over TLS the unprefixed name, which any sub-domain can set, is nobody's.
    expect(tokens(`sid=${token}`, true)).toEqual([]);
  });

  it('takes time in proportion to the length of a header', () => {
    const seeds = [
      'sid=',
      ';',
      '"',
      'sid="',
      ' ',
      'sid=a;',
      '; ',
      '%',
      `sid=${newToken()}; `,
      `sid=${newToken()}x; `,
      '=;=',
      'sid=\t \t',
    ];
    const timeOf = (text: string): number => {
      let best = Infinity;
      for (let round = 0; round < 7; round += 1) {
        const start = performance.now();
        for (let i = 0; i < 20; i += 1) cookie.receive({ cookie: text }, { secure: false });
        best = Math.min(best, performance.now() - start);
      }
      return best;
    };
    for (const seed of seeds) {
      const short = timeOf(seed.repeat(Math.ceil(16_384 / seed.length)));
      const long = timeOf(seed.repeat(Math.ceil(262_144 / seed.length)));
      // 16 times the length: linear is about 16, quadratic 256. A clock's grain is allowed for.
      expect([seed, long / Math.max(short, 0.05) < 80]).toEqual([seed, true]);
    }
  });
});

const redis = await startRedis();

eachAdapter('hostile cookie headers over HTTP', (adapter) => {
  it('cost no Redis command and no cookie, and are answered like any other', async () => {
    const bank = await startBank(adapter, redis);
    const watch = await watchCommands(redis.port);
    const headers = fc.sample(
      fc.array(piece, { maxLength: 30 }).map((pieces) =>
        pieces
          .join('')
          // What Node itself lets through in a header, and nothing that has the shape of a token.
          .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
          .replace(/[\w-]{40,}/g, 'x'),
      ),
      { numRuns: 300, seed: 42 },
    );
    headers.push('sid=x; '.repeat(1500), `sid=${'A'.repeat(10_000)}`, 'a=b; '.repeat(2000));
    for (const header of headers) {
      const answer = await bank.browser().get('/whoami', { headers: { cookie: header }, cookie: '' });
      expect([header, answer.status, answer.setCookies]).toEqual([header, 200, []]);
    }
    expect(await watch.take()).toEqual([]);
    watch.close();
  });
});
