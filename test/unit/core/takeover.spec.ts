import { describe, expect, it } from '@jest/globals';
import type { OldOutcome, OldRecord } from '../../../lib/core/old-sessions.js';
import { idOf, newToken } from '../../../lib/core/token.js';
import { CoreFixture, FakeClient, seededRandom, type AnySession } from './helpers.js';

const TOKEN = newToken(seededRandom('old'));
const RECORD: OldRecord = {
  attributes: new Map([['cart', 'tea']]),
  principal: 'anna',
  idleSeconds: undefined,
  cookieMaxAge: undefined,
};

/** What a request gets that has nothing but an old cookie, whose session answers so. */
async function opened(fixture: CoreFixture): Promise<AnySession> {
  const managed = await fixture.manager.open([], new FakeClient(), () => [
    { name: 'express-session abc', token: TOKEN },
  ]);
  return managed.httpSession as AnySession;
}

function fixtureWith(read: (fixture: CoreFixture) => Promise<OldOutcome>): CoreFixture {
  const fixture: CoreFixture = new CoreFixture({
    environment: { oldSessions: { read: () => read(fixture), isNews: () => true } },
  });
  return fixture;
}

describe('A session of another library', () => {
  it('is taken over', async () => {
    const fixture = fixtureWith(() => Promise.resolve({ status: 'live', record: RECORD }));
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
      return { status: 'taken' };
    });
    expect((await opened(fixture)).principal).toBe('anna');
  });

  it("that is taken, and whose successor is not there, is nobody's", async () => {
    const fixture = fixtureWith(() => Promise.resolve({ status: 'taken' }));
    expect((await opened(fixture)).principal).toBeUndefined();
  });
});
