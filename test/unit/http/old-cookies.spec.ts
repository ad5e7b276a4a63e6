import { describe, expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { isToken } from '../../../lib/core/token.js';
import type { OldSession } from '../../../lib/core/old-sessions.js';
import { OldCookieTransport, oldSessionOf, type OldCookieOptions } from '../../../lib/http/old-cookies.js';
import { SessionCookie } from '../../../lib/http/session-cookie.js';

const SID = 'nBPXG-rcVaI-LuiuC3pdMQxQ7NTQ2w8I';
const EXPRESS: OldCookieOptions = {
  library: 'expressSession',
  cookieName: 'connect.sid',
  secrets: ['newer', 'older'],
  marker: 'required',
};
const FASTIFY: OldCookieOptions = {
  ...EXPRESS,
  library: 'fastifySession',
  cookieName: 'sessionId',
  marker: 'optional',
};

const signed = (sid: string, secret: string): string =>
  `${sid}.${createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '')}`;
const express = (sid: string, secret: string): string => encodeURIComponent(`s:${signed(sid, secret)}`);

describe('a cookie of express-session', () => {
  it('is read as that library has signed it, with each secret', () => {
    // What express-session 1.19 sent for this id and the secret `keyboard cat of the application before`.
    const value = 's%3AnBPXG-rcVaI-LuiuC3pdMQxQ7NTQ2w8I.J2%2FscsS%2FWwENKR9Q7DeqHIcPOEAfz7SSfDk%2BNpwLJhg';
    const secrets = ['keyboard cat of the application before'];
    expect(oldSessionOf(value, { ...EXPRESS, secrets })?.name).toBe(`expressSession ${SID}`);
    for (const secret of EXPRESS.secrets)
      expect(oldSessionOf(express(SID, secret), EXPRESS)?.name).toBe(`expressSession ${SID}`);
  });

  it('makes one token, whichever secret signed it, that depends on the last secret, the id and the library', () => {
    const token = (value: string, options = EXPRESS): string | undefined =>
      oldSessionOf(value, options)?.tokenOf(0);
    const one = token(express(SID, 'older'));
    expect(one !== undefined && isToken(one)).toBe(true);
    expect(token(express(SID, 'newer'))).toBe(one);
    expect(token(express(SID, 'older'), { ...EXPRESS, secrets: ['newest', 'older'] })).toBe(one);
    expect(token(express(SID, 'newer'), { ...EXPRESS, secrets: ['newer'] })).not.toBe(one);
    expect(token(express(`${SID}2`, 'older'))).not.toBe(one);
    expect(token(express(SID, 'older'), FASTIFY)).not.toBe(one);
  });

  it('makes another token each time that its session has gone to another user', () => {
    const session = oldSessionOf(express(SID, 'older'), EXPRESS);
    const tokens = [0, 1, 2, 12].map((turn) => session?.tokenOf(turn));
    expect(new Set(tokens).size).toBe(4);
    expect(session?.tokenOf(1)).toBe(oldSessionOf(express(SID, 'newer'), EXPRESS)?.tokenOf(1));
  });

  it.each([
    ['unsigned', SID],
    ['marked and unsigned', `s%3A${SID}`],
    ['signed by nobody', `s%3A${SID}.`],
    ['signed with another secret', express(SID, 'another')],
    ['without the marker', signed(SID, 'older')],
    ['cut off', express(SID, 'older').slice(0, -1)],
    ['longer', `${express(SID, 'older')}A`],
    ['padded', `${express(SID, 'older')}%3D`],
    ['badly encoded', '%E0%A4%A'],
    ['empty', ''],
    ['of an id with braces, which would choose a slot', express(`{a}${SID}`, 'older')],
    ['of an id that anybody could guess', express('1', 'older')],
    ['endless', `s%3A${'a'.repeat(5000)}`],
  ])('is nothing where it is %s', (_what, value) => {
    expect(oldSessionOf(value, EXPRESS)).toBeUndefined();
  });
});

describe('a cookie of @fastify/session', () => {
  it('is read without a marker, and with the one that makes it that of express-session', () => {
    expect(oldSessionOf(encodeURIComponent(signed(SID, 'older')), FASTIFY)?.name).toBe(
      `fastifySession ${SID}`,
    );
    expect(oldSessionOf(express(SID, 'older'), FASTIFY)?.name).toBe(`fastifySession ${SID}`);
    expect(oldSessionOf(signed(SID, 'another'), FASTIFY)).toBeUndefined();
  });
});

describe('the transport', () => {
  const ours = new SessionCookie(
    { names: { secure: 'sid', plain: 'sid' }, path: '/', sameSite: 'lax', secure: false, partitioned: false },
    [],
  );
  const transport = new OldCookieTransport(ours, [EXPRESS, FASTIFY]);
  const received = (cookie: string | undefined): (OldSession | 'forged')[] | undefined => {
    const { old } = transport.receive({ cookie }, { secure: false });
    return old && [...old()];
  };

  it('has nothing to say of a request without such a cookie', () => {
    expect(received(undefined)).toBeUndefined();
    expect(received('sid=a; theme=dark')).toBeUndefined();
    expect(received('xconnect.sid=a')).toEqual([]);
    expect(received('connect.sid=')).toEqual([]);
  });

  it('reads the first of a name, of each library, beside ours', () => {
    const [a, b] = [express(SID, 'older'), express(`${SID}2`, 'older')];
    const names = (received(`connect.sid=${a}; connect.sid=${b}; sessionId=${b}`) ?? []).map((each) =>
      each === 'forged' ? each : each.name,
    );
    expect(names).toEqual([`expressSession ${SID}`, `fastifySession ${SID}2`]);
    expect(received(`connect.sid=${SID}; connect.sid=${a}`)).toEqual(['forged']);
    const token = 'a'.repeat(47);
    expect(transport.receive({ cookie: `connect.sid=${a}; sid=${token}` }, { secure: false }).tokens).toEqual(
      [token],
    );
  });

  it('sends what ours sends', () => {
    expect(transport.send({ action: 'clear' }, { secure: false })).toEqual(
      ours.send({ action: 'clear' }, { secure: false }),
    );
    expect([transport.requestHeader, transport.ambient]).toEqual(['Cookie', true]);
  });
});
