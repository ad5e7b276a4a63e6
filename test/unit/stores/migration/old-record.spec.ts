import { describe, expect, it } from '@jest/globals';
import slotOf from 'cluster-key-slot';
import { passportUser, principalIn, readOldRecord } from '../../../../lib/stores/migration/old-record.js';
import { markOf } from '../../../../lib/stores/migration/old-sessions.js';

const NOW = Date.UTC(2026, 0, 1);
const RULES = { honoursExpiry: false, principal: passportUser };
const READING = { now: NOW, turn: 0, until: 0 };
const read = (
  value: unknown,
  leftMs = 60_000,
  rules: Partial<typeof RULES> = {},
): ReturnType<typeof readOldRecord> =>
  readOldRecord(
    typeof value === 'string' ? value : JSON.stringify(value),
    { ...READING, leftMs },
    { ...RULES, ...rules },
  );

describe('an old record', () => {
  it('has its attributes without the cookie, who is logged in, and the life that Redis says is left', () => {
    expect(read({ cookie: { originalMaxAge: null }, passport: { user: 7 }, at: 'x' }, 1500)).toEqual({
      status: 'live',
      turn: 0,
      record: {
        attributes: new Map<string, unknown>([
          ['passport', { user: 7 }],
          ['at', 'x'],
        ]),
        principal: '7',
        idleSeconds: 2,
        cookieMaxAge: undefined,
      },
    });
  });

  it('has the life that the browser was told, and none where there is no expiry', () => {
    expect(read({ cookie: { originalMaxAge: 9_500 } }, 1500)).toMatchObject({
      record: { idleSeconds: 10, cookieMaxAge: 10 },
    });
    expect(read({ cookie: {} }, -1)).toMatchObject({ record: { idleSeconds: undefined } });
    expect(read({ cookie: { originalMaxAge: 1e15 } })).toMatchObject({
      record: { idleSeconds: 315_360_000, cookieMaxAge: 34_560_000 },
    });
  });

  it('that names a past expiry is over for the library that looks at it', () => {
    const record = { cookie: { expires: new Date(NOW).toISOString() } };
    expect(read(record)).toMatchObject({ status: 'live' });
    expect(read(record, 60_000, { honoursExpiry: true })).toEqual({ status: 'gone' });
    const later = { cookie: { expires: new Date(NOW + 1).toISOString() } };
    expect(read(later, 60_000, { honoursExpiry: true })).toMatchObject({ status: 'live' });
  });

  it.each([['{'], ['null'], ['[]'], ['"text"'], ['{"passport":{"user":"ada"}}'], ['{"cookie":1}'], ['']])(
    '%s is unreadable',
    (text) => {
      expect(read(text)).toMatchObject({ status: 'unreadable' });
    },
  );

  it.each([[{ id: 1 }], [true], [''], [Number.NaN], ['ada\ud800']])(
    'is unreadable where principal() answers %p',
    (answer) => {
      expect(read({ cookie: {} }, 1, { principal: () => answer as never })).toMatchObject({
        status: 'unreadable',
      });
    },
  );

  it('whose session here has run out has what was left of the absolute life of that', () => {
    const until = NOW + 90_500;
    expect(readOldRecord('{"cookie":{}}', { ...READING, leftMs: 1, turn: 3, until }, RULES)).toMatchObject({
      turn: 3,
      record: { absoluteSeconds: 91 },
    });
  });

  it('names who is logged in there also when it says that it is over, and nobody where that cannot be told', () => {
    const expires = new Date(0).toISOString();
    const text = JSON.stringify({ cookie: { expires }, passport: { user: 'ada' } });
    expect(principalIn(text, { ...RULES, honoursExpiry: true })).toBe('ada');
    expect(principalIn('{"cookie":{}}', RULES)).toBeUndefined();
    expect(principalIn('{', RULES)).toBeUndefined();
    const principal = (): never => {
      throw new Error('of the application');
    };
    expect(principalIn(text, { ...RULES, principal })).toBeUndefined();
  });

  it('has nobody logged in where Passport keeps an object', () => {
    expect(passportUser({ passport: { user: { id: 1 } } })).toBeUndefined();
    expect(passportUser({ passport: null })).toBeUndefined();
  });
});

it.each(['sess:abc', '{app}sess:abc', 'app:{a}:abc'])('the mark of %s is in its slot', (key) => {
  expect(slotOf(markOf('shop:session:', key))).toBe(slotOf(key));
});
