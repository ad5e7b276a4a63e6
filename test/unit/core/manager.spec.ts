import { beforeEach, describe, expect, it } from '@jest/globals';
import { jsonCodec } from '../../../lib/codecs/json.js';
import { SessionFormatError } from '../../../lib/core/errors.js';
import type { LoadOutcome } from '../../../lib/core/store.js';
import { newToken } from '../../../lib/core/token.js';
import {
  CoreFixture,
  noting,
  overriding,
  seededRandom,
  type AnySession,
  type FakeBrowser,
} from './helpers.js';

let calls: string[];
let fixture: CoreFixture;
let browser: FakeBrowser;
let id: string;

beforeEach(async () => {
  calls = [];
  fixture = new CoreFixture({ wrap: noting(calls) });
  browser = fixture.browser();
  id = await browser.visit((session) => ((session['cart'] = ['tea']), session.id));
  calls.length = 0;
  fixture.events.length = 0;
});

const stranger = newToken(seededRandom('a stranger'));

describe('a request', () => {
  it('without a token asks the store nothing', async () => {
    const { session } = await fixture.browser().request();
    expect([session.isNew, Object.keys(session)]).toEqual([true, []]);
    expect(calls).toEqual([]);
  });

  it('with a token has its session, by one load', async () => {
    const { session } = await browser.request();
    expect([session.isNew, session.id, session['cart']]).toEqual([false, id, ['tea']]);
    expect(calls).toEqual(['load']);
    expect(fixture.events).toEqual([]);
  });

  it('with a token that the store does not know gets a new session with another one, and that is told', async () => {
    const request = await browser.request([stranger]);
    expect([request.session.isNew, Object.keys(request.session)]).toEqual([true, []]);
    request.session['a'] = 1;
    expect(await request.answer()).toMatchObject({ action: 'set' });
    expect(browser.token).not.toBe(stranger);
    expect(fixture.events).toMatchObject([{ type: 'rejected', reason: 'unknown' }, { type: 'created' }]);
  });

  it.each<[string, LoadOutcome, string]>([
    ['damaged', { status: 'unreadable', reason: 'it is damaged' }, 'corrupt'],
    ['ended', { status: 'ended' }, 'gone'],
    ['ended long ago', { status: 'ended', longAgo: true }, 'unknown'],
    ['absent', { status: 'absent' }, 'unknown'],
  ])('whose record is %s has a new session, and that is told', async (_what, outcome, reason) => {
    fixture = new CoreFixture({ wrap: (store) => overriding(store, { load: async () => outcome }) });
    const { session, managed } = await fixture.browser().request([stranger]);
    expect(Object.keys(session)).toEqual([]);
    expect(managed.phase).toBe(reason === 'gone' ? 'detached' : 'new');
    expect(fixture.events).toEqual([
      expect.objectContaining({
        type: 'rejected',
        reason,
        ...(reason === 'corrupt' && { detail: 'it is damaged' }),
      }),
    ]);
  });

  it('whose record was written with a codec that is not here is an error, and the record stays', async () => {
    const other = { ...jsonCodec, name: 'cbor' };
    fixture = new CoreFixture({ environment: { codec: other } });
    browser = fixture.browser();
    await browser.visit((session) => (session['a'] = 1));
    const error: unknown = await browser.request().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SessionFormatError);
    expect((error as Error).message).toContain(
      "was written with the codec 'cbor', which this node does not have",
    );
    expect(fixture.memory.size).toBe(1);
  });

  it('whose record was written with another codec reads and writes it by that', async () => {
    const upper = {
      name: 'upper',
      encode: (value: unknown) => Buffer.from(JSON.stringify(value).toUpperCase()),
      decode: (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString().toLowerCase()),
    };
    const byName = (name: string) => (name === 'upper' ? upper : jsonCodec);
    fixture = new CoreFixture({ environment: { codec: upper, codecByName: byName } });
    browser = fixture.browser();
    const stored = await browser.visit((session) => ((session['a'] = 'one'), session.id));
    const later = new CoreFixture({
      environment: { store: fixture.memory, codecByName: byName, now: fixture.clock.now },
    });
    const request = await later.browser().request([browser.token as never]);
    expect(request.session['a']).toBe('one');
    request.session['b'] = 'two';
    await request.answer();
    const bytes = fixture.memory.peek(stored as never)?.attributes.get('b');
    expect(Buffer.from(bytes as Uint8Array).toString()).toBe('"TWO"');
  });
});

describe('by its public id', () => {
  it('a session is opened, changed and saved without a request', async () => {
    const managed = await fixture.manager.openById(id);
    const session = managed?.httpSession as AnySession;
    session['cart'] = ['milk'];
    await session.save();
    expect(await browser.visit((seen) => seen['cart'])).toEqual(['milk']);
  });

  it.each(['', 'no id', 'x'.repeat(46), 'x'.repeat(48), '../'.padEnd(47, 'x')])(
    'what has not the shape of one (%p) asks the store nothing',
    async (text) => {
      expect(await fixture.manager.openById(text)).toBeUndefined();
      await fixture.manager.destroyById(text);
      expect(calls).toEqual([]);
    },
  );

  it('one that nobody has opens nothing, and ends nothing', async () => {
    const unknown = 'x'.repeat(47);
    expect(await fixture.manager.openById(unknown)).toBeUndefined();
    await fixture.manager.destroyById(unknown);
    expect(fixture.events).toEqual([]);
  });

  it('a session is ended, once', async () => {
    await fixture.manager.destroyById(id);
    await fixture.manager.destroyById(id);
    expect(fixture.events).toEqual([{ type: 'destroyed', id }]);
    expect(await browser.visit((session) => Object.keys(session))).toEqual([]);
  });

  it('one of a codec that is not here is an error', async () => {
    fixture = new CoreFixture({ environment: { codec: { ...jsonCodec, name: 'cbor' } } });
    const other = await fixture.browser().visit((session) => ((session['a'] = 1), session.id));
    await expect(fixture.manager.openById(other)).rejects.toThrow(SessionFormatError);
  });
});

describe('what an application gets for an error of the core', () => {
  it('is what the environment makes of it', async () => {
    class Mine extends Error {}
    fixture = new CoreFixture({ environment: { asThrown: (error) => new Mine('mine', { cause: error }) } });
    const { session } = await fixture.browser().request();
    await expect(session.authenticate('')).rejects.toBeInstanceOf(Mine);
    expect(fixture.manager.asThrown(1)).toMatchObject({ message: 'mine', cause: 1 });
  });

  it('is the error itself where that says nothing', () => {
    const error = new Error('as it is');
    expect(fixture.manager.asThrown(error)).toBe(error);
  });
});
