import { beforeEach, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { assertNever } from '../../../lib/core/assertions.js';
import { SessionError } from '../../../lib/core/errors.js';
import { RESERVED_MEMBERS } from '../../../lib/core/members.js';
import { CoreFixture, type AnySession, type FakeBrowser, type FakeRequest } from './helpers.js';

let fixture: CoreFixture;
let browser: FakeBrowser;

beforeEach(async () => {
  fixture = new CoreFixture();
  browser = fixture.browser();
  await browser.visit((session) => (session['cart'] = ['tea']));
});

/** Code and message of what is thrown, at once or by the promise. */
async function refusalOf(use: () => unknown): Promise<readonly [string, string]> {
  try {
    await use();
  } catch (error) {
    if (error instanceof SessionError) return [error.code, error.message];
    throw error;
  }
  throw new Error('Nothing was refused.');
}

async function sent(tokens: 'new' | 'stored'): Promise<FakeRequest> {
  const request = await (tokens === 'new' ? fixture.browser() : browser).request();
  request.client.headersSent = true;
  return request;
}

describe('what cannot be done once the headers have left', () => {
  it.each<[string, 'new' | 'stored', (session: AnySession) => unknown]>([
    ['write to a new session', 'new', (session) => (session['a'] = 1)],
    ['write to a new session', 'new', (session) => session.update('a', () => 1)],
    ['give out a CSRF token', 'new', (session) => session.csrfToken()],
    ['log in', 'new', (session) => session.authenticate('ann')],
    ['log in', 'stored', (session) => session.authenticate('ann')],
    ['change its id', 'stored', (session) => session.regenerateId()],
  ])('%s (%s)', async (what, kind, use) => {
    const { session } = await sent(kind);
    const [code, message] = await refusalOf(() => use(session));
    expect(code).toBe('SESSION_HEADERS_SENT');
    expect(message).toMatch(new RegExp(`^Cannot ${what}: the response's headers have left`));
  });

  it('save what was written to a new session before', async () => {
    const request = await fixture.browser().request();
    request.session['a'] = 1;
    request.client.headersSent = true;
    const [code, message] = await refusalOf(() => request.session.save());
    expect([code, message]).toEqual([
      'SESSION_HEADERS_SENT',
      expect.stringMatching(/^Cannot save a new session:/),
    ]);
  });

  it('but a stored session is read, changed, saved, updated and destroyed as before', async () => {
    const request = await sent('stored');
    request.session['a'] = 1;
    await request.session.save();
    await request.session.update('a', () => 2);
    expect(await browser.visit((session) => session['a'])).toBe(2);
    await request.session.destroy();
    expect(await browser.visit((session) => Object.keys(session))).toEqual([]);
  });
});

describe('what cannot be done outside a request', () => {
  const opened = async (): Promise<AnySession> => {
    const id = await browser.visit((session) => session.id);
    const managed = await fixture.manager.openById(id);
    if (managed === undefined) throw new Error('It is stored.');
    return managed.httpSession as AnySession;
  };

  it.each<[string, (session: AnySession) => unknown]>([
    ['log in', (session) => session.authenticate('ann')],
    ['change its id', (session) => session.regenerateId()],
    ['give out a CSRF token', (session) => session.csrfToken()],
  ])('%s', async (what, use) => {
    const session = await opened();
    expect(await refusalOf(() => use(session))).toEqual([
      'SESSION_USAGE',
      `A session opened outside a request cannot ${what}: no response carries its cookie.`,
    ]);
  });

  it.each<[string, (session: AnySession) => unknown]>([
    ['assign', (session) => (session['a'] = 1)],
    ['delete', (session) => delete session['cart']],
    ['mark', (session) => session.markDirty()],
    ['save', (session) => session.save()],
    ['reload', (session) => session.reload()],
    ['update', (session) => session.update('a', () => 1)],
    ['set the idle life', (session) => (session.maxInactiveInterval = 1)],
    ['set the life of the cookie', (session) => (session.cookieMaxAge = 1)],
  ])('after destroy(): %s', async (_what, use) => {
    const session = await opened();
    await session.destroy();
    const [code, message] = await refusalOf(() => use(session));
    expect([code, message]).toEqual([
      'SESSION_DESTROYED',
      expect.stringMatching(/^The session was destroyed/),
    ]);
    await session.destroy();
  });
});

describe('arguments that are refused, before anything is written', () => {
  it.each<[string, (session: AnySession) => unknown, RegExp]>([
    ...['', NaN, Infinity, undefined, null, ['ann'], true].map(
      (principal): [string, (session: AnySession) => unknown, RegExp] => [
        `a principal ${inspect(principal)}`,
        (session) => session.authenticate(principal as never),
        /^authenticate\(\) takes who logs in as a non-empty string or a finite number/,
      ],
    ),
    ...[1.5, NaN, Infinity, '60', null, undefined].map(
      (value): [string, (session: AnySession) => unknown, RegExp] => [
        `an idle life of ${inspect(value)}`,
        (session) => (session.maxInactiveInterval = value as never),
        /^maxInactiveInterval is a whole number of seconds/,
      ],
    ),
  ])('%s', async (_what, use, expected) => {
    const request = await browser.request();
    const [code, message] = await refusalOf(() => use(request.session));
    expect([code, message]).toEqual(['SESSION_USAGE', expect.stringMatching(expected)]);
    expect(await request.answer()).toBeUndefined();
    expect(await browser.visit((session) => [session.principal, session.maxInactiveInterval])).toEqual([
      undefined,
      1800,
    ]);
  });
});

describe('names and keys that no attribute can have', () => {
  it.each([...RESERVED_MEMBERS].filter((name) => !/^(maxInactiveInterval|cookieMaxAge)$/.test(name)))(
    '%s',
    async (name) => {
      const { session } = await browser.request();
      const [code, message] = await refusalOf(() => (session[name] = 1));
      expect(code).toBe('SESSION_RESERVED_MEMBER');
      expect(message).toContain(`'${name}' is a member of HttpSession`);
      expect((await refusalOf(() => delete session[name]))[0]).toBe('SESSION_RESERVED_MEMBER');
    },
  );

  it('a symbol, or an accessor', async () => {
    const { session } = await browser.request();
    const [code] = await refusalOf(() => Object.assign(session, { [Symbol('key')]: 1 }));
    expect(code).toBe('SESSION_USAGE');
    const [, message] = await refusalOf(() => Object.defineProperty(session, 'a', { get: () => 1 }));
    expect(message).toMatch(/^A session attribute cannot be an accessor/);
  });
});

it('a case that nobody thought of is an error that names it', () => {
  expect(() => assertNever('new kind' as never)).toThrow('Unhandled case: new kind');
});
