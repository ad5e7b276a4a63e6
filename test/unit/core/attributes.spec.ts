import { beforeEach, describe, expect, it } from '@jest/globals';
import { msgpackCodec } from '../../../lib/codecs/msgpack.js';
import { Attributes } from '../../../lib/core/attributes.js';
import { SessionLimitError } from '../../../lib/core/errors.js';

describe('attributes that were loaded, of which only the touched ones get a slot', () => {
  let refusals: string[];
  let stored: Map<string, Uint8Array>;
  let attributes: Attributes;

  beforeEach(() => {
    refusals = [];
    stored = new Map([
      ['cart', msgpackCodec.encode(['apple'])],
      ['user', msgpackCodec.encode('ann')],
      ['broken', new Uint8Array([0xc1])],
    ]);
    attributes = new Attributes(
      msgpackCodec,
      { maxSessionBytes: 1000, maxAttributes: 4 },
      {
        refused: (name) => refusals.push(name),
        unstorable: (name) => refusals.push(name),
        outdated: (name) => refusals.push(name),
      },
    );
    attributes.load(stored, msgpackCodec);
  });

  function save(): void {
    const difference = attributes.difference();
    if (difference !== undefined) attributes.settle(difference);
  }

  it('keeps one away that was removed and saved, and owes nothing more for it', () => {
    attributes.delete('cart');
    expect(attributes.difference()).toEqual({ set: new Map(), remove: ['cart'] });
    save();
    expect(attributes.difference()).toBeUndefined();
    expect(attributes.has('cart')).toBe(false);
    expect(attributes.get('cart')).toBeUndefined();
    expect(attributes.names()).toEqual(['user', 'broken']);
    expect(attributes.storedBytes('cart')).toBeUndefined();
  });

  it('writes one again that was removed, saved and set to what it was', () => {
    attributes.delete('user');
    save();
    attributes.set('user', 'ann');
    expect([...(attributes.difference()?.set.keys() ?? [])]).toEqual(['user']);
  });

  it('never writes to the map that the store has handed out', () => {
    const before = new Map(stored);
    attributes.set('user', 'bob');
    attributes.delete('cart');
    attributes.set('more', 1);
    save();
    attributes.forgetStored();
    expect(stored).toEqual(before);
  });

  it('counts those that nobody touched towards the limits', () => {
    attributes.set('fourth', 1);
    expect(attributes.difference()).toBeDefined();
    attributes.set('fifth', 1);
    expect(() => attributes.difference()).toThrow(SessionLimitError);
  });

  it('leaves one that cannot be decoded as it is until it is set', () => {
    expect(attributes.get('broken')).toBeUndefined();
    expect(refusals).toEqual(['broken']);
    expect(attributes.has('broken')).toBe(false);
    expect(attributes.difference()).toBeUndefined();
    attributes.set('broken', 1);
    expect([...(attributes.difference()?.set.keys() ?? [])]).toEqual(['broken']);
  });
});

describe('attributes that are over a limit already', () => {
  it('may stay so and shrink, but not grow', () => {
    const listener = { refused: () => undefined, unstorable: () => undefined, outdated: () => undefined };
    const limits = { maxSessionBytes: 100, maxAttributes: 2 };
    const attributes = new Attributes(msgpackCodec, limits, listener);
    const big = msgpackCodec.encode('x'.repeat(150));
    attributes.load(
      new Map([
        ['a', big],
        ['b', big],
        ['c', msgpackCodec.encode(1)],
      ]),
      msgpackCodec,
    );
    attributes.set('c', 2);
    expect(attributes.difference()?.set.size).toBe(1);
    attributes.set('c', 'longer');
    expect(() => attributes.difference()).toThrow('are allowed');
    attributes.set('a', 'short');
    expect(attributes.difference()?.set.size).toBe(2);
    attributes.set('d', 1);
    expect(() => attributes.difference()).toThrow('are allowed');
    attributes.delete('b');
    expect(attributes.difference()?.remove).toEqual(['b']);
  });
});
