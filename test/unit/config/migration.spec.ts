import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import type { SessionModuleOptions } from '../../../lib/config/options.js';
import { resolveSettings } from '../../../lib/config/resolve.js';

const SECRET = 'hV3+0wq9yXb7Tn1kZ5mJ8rLs2cDf4gHa';

function faultsOf(migrateFrom: unknown, options: SessionModuleOptions = { redis: {} }): string {
  try {
    resolveSettings({ ...options, migrateFrom: migrateFrom as SessionModuleOptions['migrateFrom'] });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('migrateFrom', () => {
  it('fills in what the libraries have by default', () => {
    const { oldLibraries } = resolveSettings({
      redis: {},
      migrateFrom: {
        expressSession: { secrets: SECRET },
        fastifySession: { secrets: [SECRET], prefix: 'f:' },
      },
    });
    expect(oldLibraries).toMatchObject([
      {
        library: 'expressSession',
        secrets: [SECRET],
        cookieName: 'connect.sid',
        prefix: 'sess:',
        honoursExpiry: false,
      },
      {
        library: 'fastifySession',
        secrets: [SECRET],
        cookieName: 'sessionId',
        prefix: 'f:',
        honoursExpiry: true,
      },
    ]);
    expect(resolveSettings({}).oldLibraries).toEqual([]);
  });

  it.each([
    [
      'a secret is missing',
      { expressSession: {} },
      /migrateFrom\.expressSession\.secrets: is missing: give the secret/,
    ],
    [
      'a secret is empty',
      { expressSession: { secrets: process.env['NO_SUCH_SECRET'] ?? '' } },
      /secrets: is missing/,
    ],
    [
      'there are none',
      { fastifySession: { secrets: [] } },
      /migrateFrom\.fastifySession\.secrets: is missing/,
    ],
    ['one of them is undefined', { expressSession: { secrets: [SECRET, undefined] } }, /secrets: is missing/],
    ['no library is named', {}, /migrateFrom: must name expressSession or fastifySession/],
    [
      'a library is not known',
      { cookieSession: {} },
      /migrateFrom\.cookieSession: is not an option; known are/,
    ],
    [
      'an option is not known',
      { expressSession: { secrets: SECRET, secret: 'x' } },
      /expressSession\.secret: is not an option/,
    ],
    ['it is text', 'expressSession', /migrateFrom.*: must be an object/],
    [
      'a library is true',
      { expressSession: true },
      /migrateFrom\.expressSession: must be an object with secrets/,
    ],
    [
      'principal is text',
      { expressSession: { secrets: SECRET, principal: 'user' } },
      /principal: must be a function/,
    ],
    [
      'the prefix could choose two slots',
      { expressSession: { secrets: SECRET, prefix: 'a}b' } },
      /prefix: must be text/,
    ],
    [
      'the cookie has no name',
      { expressSession: { secrets: SECRET, cookieName: 'a b' } },
      /cookieName: must be the name/,
    ],
    [
      'the cookie is ours',
      { expressSession: { secrets: SECRET, cookieName: 'sid' } },
      /REDIS_SESSION_COOKIE_NAME/,
    ],
    [
      'both libraries have one cookie',
      { expressSession: { secrets: SECRET }, fastifySession: { secrets: SECRET, cookieName: 'connect.sid' } },
      /one cookieName for both/,
    ],
  ])('is refused where %s', (_what, migrateFrom, message) => {
    expect(faultsOf(migrateFrom)).toMatch(message);
    expect(faultsOf(migrateFrom)).not.toContain(SECRET);
  });

  it('is refused where sessions are not in Redis, or travel in a header', () => {
    const migrateFrom = { expressSession: { secrets: SECRET } };
    expect(faultsOf(migrateFrom, {})).toMatch(/migrateFrom: needs sessions in Redis/);
    expect(faultsOf(migrateFrom, { redis: {}, transport: { header: 'x-session' } })).toMatch(
      /migrateFrom: takes over cookies/,
    );
  });

  it('shows no secret, is warned of where one can be guessed, and is not what the application has', () => {
    const secrets = ['keyboard cat'];
    const settings = resolveSettings({ redis: {}, migrateFrom: { expressSession: { secrets } } });
    expect(inspect(settings, { depth: 9 }) + JSON.stringify(settings)).not.toContain('keyboard');
    expect(settings.warnings).toContainEqual(
      expect.stringMatching(/^migrateFrom\.expressSession\.secrets holds a secret/),
    );
    secrets.push('another');
    expect(settings.oldLibraries[0]?.secrets).toEqual(['keyboard cat']);
    const strong = resolveSettings({ redis: {}, migrateFrom: { expressSession: { secrets: SECRET } } });
    expect(strong.warnings).toEqual([]);
  });
});
