import { describe, expect, it } from '@jest/globals';
import type { SessionRules } from '../../../lib/core/environment.js';
import type { OldOutcome, OldRecord } from '../../../lib/core/old-sessions.js';
import { idOf, newToken } from '../../../lib/core/token.js';
import { CoreFixture, FakeClient, seededRandom, type AnySession } from './helpers.js';

const TOKEN = newToken(seededRandom('old'));
const NEXT = newToken(seededRandom('next'));
const RECORD: OldRecord = {
  attributes: new Map([['cart', 'tea']]),
  principal: 'anna',
  idleSeconds: undefined,
  cookieMaxAge: undefined,
};

/** What a request gets that has nothing but an old cookie, whose session answers so. */
async function opened(fixture: CoreFixture): Promise<AnySession> {
  const managed = await fixture.manager.open([], new FakeClient(), () => [
    { name: 'express-session abc', tokenOf: (turn) => (turn === 0 ? TOKEN : NEXT) },
  ]);
  return managed.httpSession as AnySession;
}

function fixtureWith(
  read: (fixture: CoreFixture) => Promise<OldOutcome>,
  rules: Partial<SessionRules> = {},
): CoreFixture {
  const fixture: CoreFixture = new CoreFixture({
    rules,
    environment: { oldSessions: { read: () => read(fixture), isNews: () => true } },
  });
  return fixture;
}

describe('A session of another library', () => {
  it('is taken over', async () => {
    const fixture = fixtureWith(() => Promise.resolve({ status: 'live', record: RECORD, turn: 0 }));
    const session = await opened(fixture);
    expect([session.principal, session['cart']]).toEqual(['anna', 'tea']);
  });

  it('that another node takes over between the two looks of a request is there for that as well', async () => {
    const fixture = fixtureWith(async ({ store }) => {
      await store.create(idOf(TOKEN), {
        attributes: new Map([['cart', Buffer.from('"tea"')]]),
        codec: 'json',
        maxInactiveInterval: 1800,
        absoluteTimeout: 0,
        principal: 'anna',
        authenticated: true,
      });
      return { status: 'taken', turn: 0 };
    });
    expect((await opened(fixture)).principal).toBe('anna');
  });

  it('that went to somebody else, which ended the session in its place a moment ago, is taken over as theirs', async () => {
    let reads = 0;
    const fixture = fixtureWith(async ({ store }) => {
      reads += 1;
      if (reads === 2) return { status: 'live', record: { ...RECORD, principal: 'bob' }, turn: 1 };
      await store.destroy(idOf(TOKEN), { reserved: true });
      return { status: 'taken', turn: 0 };
    });
    expect((await opened(fixture)).principal).toBe('bob');
  });

  it('that is taken over again has what was left of its absolute life', async () => {
    const record = { ...RECORD, absoluteSeconds: 90 };
    const fixture = fixtureWith(() => Promise.resolve({ status: 'live', record, turn: 0 }), {
      absoluteTimeout: 3600,
      maxInactiveInterval: 1800,
    });
    expect((await opened(fixture)).expiresAt?.getTime()).toBe(fixture.clock.now() + 90_000);
  });

  it("that is taken, and whose successor is not there, is nobody's", async () => {
    const fixture = fixtureWith(() => Promise.resolve({ status: 'taken', turn: 0 }));
    expect((await opened(fixture)).principal).toBeUndefined();
  });
});
