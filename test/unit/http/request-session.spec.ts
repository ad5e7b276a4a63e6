import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  SessionCountError,
  SessionGoneError,
  SessionStoreUnavailableError,
} from '../../../lib/core/errors.js';
import { RequestSession } from '../../../lib/http/request-session.js';
import { SessionCookie } from '../../../lib/http/session-cookie.js';
import { CoreFixture, overriding, type AnySession } from '../core/helpers.js';

const quiet = { verbose: () => undefined, debug: () => undefined, warn: () => undefined };

/** What a client gets from a handler whose new session cannot be saved. */
async function answerOf(
  handler: (session: RequestSession, response: ServerResponse) => void,
  failure: Error = new SessionStoreUnavailableError('Redis is down.'),
) {
  const down = (): Promise<never> => Promise.reject(failure);
  const fixture = new CoreFixture({ wrap: (store) => overriding(store, { create: down }) });
  const options = {
    manager: fixture.manager,
    transport: new SessionCookie(
      {
        names: { secure: 'sid', plain: 'sid' },
        path: '/',
        sameSite: 'lax',
        secure: false,
        partitioned: false,
      },
      [],
    ),
    events: { emit: () => undefined },
    saveOnServerError: true,
    log: quiet,
    inUse: { during: () => undefined },
  };
  const server = createServer((request, response) => {
    const opening = new RequestSession(request, response, { secure: false }, options as never);
    void opening.loaded.then((session) => {
      (session as AnySession)['value'] = 1;
      handler(opening, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const body = await text(answer);
  server.close();
  return { status: answer.statusCode, body };
}

describe('a save that fails', () => {
  it('is a 503, whatever status the handler sets once it has answered', async () => {
    const answer = await answerOf((_session, response) => {
      response.end('done');
      response.statusCode = 599;
    });
    expect(answer.status).toBe(503);
    expect(answer.body).not.toContain('done');
  });

  it("leaves the application's own 503 as it is", async () => {
    const answer = await answerOf((_session, response) => {
      response.statusCode = 503;
      response.end('own words');
    });
    expect(answer).toEqual({ status: 503, body: 'own words' });
  });

  describe.each([
    ['a session that has ended', new SessionGoneError('It has ended.'), /ended meanwhile/],
    [
      'a login that the limit refuses',
      new SessionCountError('One at most.', { limit: 1 }),
      /too many devices/,
    ],
  ])('that is the fault of %s', (_whose, failure, words) => {
    it('is a 409', async () => {
      const answer = await answerOf((_session, response) => response.end('done'), failure);
      expect(answer).toEqual({ status: 409, body: expect.stringMatching(words) });
    });

    it.each([
      [302, false],
      [404, true],
      [500, true],
    ])('and that the handler answers with %i: it stays so: %s', async (status, stays) => {
      const answer = await answerOf((session, response) => {
        session.commitEarly()?.catch(() => {
          response.statusCode = status;
          response.end('own words');
        });
      }, failure);
      expect(answer).toEqual(
        stays ? { status, body: 'own words' } : { status: 409, body: expect.stringMatching(words) },
      );
    });
  });
});
