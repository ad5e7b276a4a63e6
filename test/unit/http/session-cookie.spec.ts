import { describe, expect, it } from '@jest/globals';
import { newToken } from '../../../lib/core/token.js';
import { SessionCookie, type SessionCookieOptions } from '../../../lib/http/session-cookie.js';

const SET = { action: 'set', token: newToken(), maxAge: undefined } as const;

function dropped(options: Partial<SessionCookieOptions>, secure: boolean, host?: string): boolean {
  let told = false;
  const cookie = new SessionCookie(
    {
      names: { secure: '__Host-sid', plain: 'sid' },
      path: '/',
      sameSite: 'lax',
      secure: true,
      partitioned: false,
      ...options,
    },
    [],
    () => (told = true),
  );
  cookie.send({ action: 'clear' }, { secure, host });
  expect(told).toBe(false);
  cookie.send(SET, { secure, host });
  return told;
}

describe('a Secure cookie over plain HTTP', () => {
  it.each([
    ['shop.example', true],
    ['shop.example:8080', true],
    ['localhost.example', true],
    ['127.0.0.1.example', true],
    ['10.0.0.1:3000', true],
    [undefined, true],
    ['localhost', false],
    ['LOCALHOST:3000', false],
    ['shop.localhost:3000', false],
    ['127.0.0.1:3000', false],
    ['[::1]:3000', false],
  ])('is dropped from %p: %p', (host, expected) => {
    expect(dropped({}, false, host)).toBe(expected);
  });

  it('is not one over TLS, nor where Secure follows the connection', () => {
    expect(dropped({}, true, 'shop.example')).toBe(false);
    expect(dropped({ secure: 'auto' }, false, 'shop.example')).toBe(false);
    expect(dropped({ secure: false }, false, 'shop.example')).toBe(false);
  });

  it('is as good as one where its name asks for Secure, also on localhost', () => {
    const names = { secure: '__Secure-a', plain: '__Secure-a' };
    expect(dropped({ secure: 'auto', names }, false, 'localhost')).toBe(true);
    expect(dropped({ secure: 'auto', names }, true, 'shop.example')).toBe(false);
  });
});
