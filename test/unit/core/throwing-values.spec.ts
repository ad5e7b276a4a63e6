import { describe, expect, it } from '@jest/globals';
import { createContext, SourceTextModule } from 'node:vm';
import { jsonCodec } from '../../../lib/codecs/json.js';
import { msgpackCodec } from '../../../lib/codecs/msgpack.js';
import { ownCodec } from '../../support/own-codec.js';
import { CoreFixture, type AnySession, type FakeBrowser } from './helpers.js';

const raise = (): never => {
  throw new Error('canary');
};
/** Throws whatever is asked of it, and what it throws does so too. */
const raiseHostile = (): never => {
  throw new Proxy(new Error(), { get: raise, getPrototypeOf: raise, has: raise });
};
const hostile = (): object =>
  new Proxy({}, { get: raise, has: raise, getPrototypeOf: raise, getOwnPropertyDescriptor: raise });
const getting = <T extends object>(target: T, name: PropertyKey, get = raise): T =>
  Object.defineProperty(target, name, { get, enumerable: true, configurable: true });
const under = <T extends object>(target: T, prototype: object): T =>
  Object.setPrototypeOf(target, prototype) as T;

class Telling extends Error {
  override get message(): string {
    return raise();
  }
}
class Listing extends Array<unknown> {
  toJSON(): unknown {
    return this;
  }
}

/** Whose exports are not there yet. */
async function unready(): Promise<object> {
  const context = createContext();
  const module = new SourceTextModule('export let a = 1;', { context });
  await module.link(() => raise());
  return module.namespace;
}
const namespace = await unready();

/** A value that is fine, and what makes it throw. */
const REFUSED: readonly (readonly [
  name: string,
  make: () => object,
  spoil: (value: never) => unknown,
  told: string,
])[] = [
  [
    'an element of an array',
    () => [1],
    (list: unknown[]) => getting(list, 0),
    'a getter that throws at value[0]',
  ],
  [
    'an element of an array, with what throws in turn',
    () => [1],
    (list: unknown[]) => getting(list, 0, raiseHostile),
    'a getter that throws at value[0]',
  ],
  [
    'an element of an array inside',
    () => ({ list: [[1]] }),
    ({ list }: { list: unknown[][] }) => getting(list[0] as unknown[], 0),
    'a getter that throws at value.list[0][0]',
  ],
  [
    'a hole of an array with a hostile prototype',
    () => new Array<unknown>(1),
    (list: unknown[]) => under(list, hostile()),
    'a getter that throws at value[0]',
  ],
  [
    'an element of an array with a toJSON()',
    () => Listing.from([1]),
    (list: Listing) => getting(list, 0),
    'a getter that throws',
  ],
  ['a toJSON', () => new (class {})(), (value: object) => getting(value, 'toJSON'), 'a toJSON() that throws'],
  [
    'the message of an error',
    () => new Error('x'),
    (error: Error) => getting(error, 'message'),
    'an accessor property',
  ],
  [
    'the message of a subclass of Error',
    () => new Error('x'),
    (error: Error) => {
      delete (error as Partial<Error>).message;
      under(error, Telling.prototype);
    },
    'a getter that throws',
  ],
  [
    'an error with a hostile prototype',
    () => new Error('x'),
    (error: Error) => under(error, hostile()),
    'a toJSON() that throws',
  ],
  [
    'a regular expression with a hostile prototype',
    () => /x/g,
    (value: RegExp) => under(value, hostile()),
    'an object that throws when it is looked at',
  ],
  [
    'a typed array with a hostile prototype',
    () => new Uint8Array(1),
    (view: Uint8Array) => under(view, hostile()),
    'a toJSON() that throws',
  ],
  [
    'the exports of a module that has not run',
    () => [1],
    (list: unknown[]) => (list[0] = namespace),
    'an object that throws when it is looked at',
  ],
  [
    'a detached buffer',
    () => new ArrayBuffer(1),
    (buffer: ArrayBuffer) => structuredClone(buffer, { transfer: [buffer] }),
    'the CODEC codec refused it',
  ],
];

class Sourced extends RegExp {
  override get source(): string {
    return raise();
  }
  override get flags(): string {
    return raise();
  }
}
class Windowed extends Uint8Array {
  override get buffer(): never {
    return raise();
  }
  override get byteLength(): never {
    return raise();
  }
}
class Timed extends Date {
  override getTime(): never {
    return raise();
  }
  override valueOf(): never {
    return raise();
  }
}
class Walked extends Map<string, unknown> {
  override entries(): never {
    return raise();
  }
  override [Symbol.iterator](): never {
    return raise();
  }
}

/** What throws where it does not count: the value is stored as what it extends. */
const STORED: readonly (readonly [name: string, make: () => object, plain: unknown])[] = [
  ['source and flags of a subclass of RegExp', () => new Sourced('x', 'gi'), /x/gi],
  ['a flag of a regular expression', () => getting(/x/y, 'sticky'), /x/y],
  ['properties of a subclass of Uint8Array', () => new Windowed([1, 2]), new Uint8Array([1, 2])],
  ['a property of a Buffer', () => getting(Buffer.from('ab'), 'byteOffset'), Buffer.from('ab')],
  [
    'a property of a DataView',
    () => getting(new DataView(new ArrayBuffer(2)), 'buffer'),
    new DataView(new ArrayBuffer(2)),
  ],
  ['methods of a subclass of Date', () => new Timed(5), new Date(5)],
  ['methods of a subclass of Map', () => new Walked([['a', 1]]), new Map([['a', 1]])],
  ['the tag of an instance', () => getting(new (class {})(), Symbol.toStringTag), {}],
];

describe.each([msgpackCodec, jsonCodec, ownCodec])(
  'what throws when it is looked at, with the $name codec',
  (codec) => {
    function start(rules = {}): { fixture: CoreFixture; browser: FakeBrowser } {
      const fixture = new CoreFixture({ rules, environment: { codec, codecByName: () => codec } });
      return { fixture, browser: fixture.browser() };
    }
    const stored = (browser: FakeBrowser): Promise<object> =>
      browser.visit((session) => ({ other: session['other'], value: session['value'] }));
    const warnings = ({ lines }: CoreFixture): string[] => lines.filter((line) => line.startsWith('warn'));

    describe.each(REFUSED)('%s', (_name, make, spoil, told) => {
      const reason = told.replace('CODEC', codec.name);
      const spoiled = (): object => {
        const value = make();
        spoil(value as never);
        return value;
      };

      it.each<[string, (session: AnySession) => void]>([
        ['assigned', (session) => (session['value'] = spoiled())],
        [
          'changed after it was assigned',
          (session) => {
            const value = make();
            session['value'] = value;
            spoil(value as never);
          },
        ],
      ])('%s: is told, and all else is saved', async (_when, change) => {
        const { fixture, browser } = start();
        await browser.visit((session) => (session['value'] = 'before'));
        await browser.visit((session) => {
          session['other'] = 1;
          change(session);
          session['other'] = 2;
        });
        expect(await stored(browser)).toEqual({ other: 2, value: 'before' });
        expect(warnings(fixture)).toEqual([
          expect.stringContaining(`attribute "value" is left out: ${reason}.`),
        ]);
        expect(fixture.lines.join()).not.toContain('canary');
      });

      it('returned to update(): is refused as what cannot be stored', async () => {
        const { browser } = start();
        await browser.visit(async (session) => {
          session['other'] = 1;
          await expect(session.update('value', spoiled)).rejects.toMatchObject({
            code: 'SESSION_UNSTORABLE_VALUE',
            message: expect.stringMatching(
              /^update\(\) of attribute "value" returned what cannot be stored: /,
            ) as unknown,
          });
        });
        expect(await stored(browser)).toEqual({ other: 1, value: undefined });
      });

      it('is the error of the package with UNSTORABLE=error', async () => {
        const { browser } = start({ unstorable: 'error' });
        const request = await browser.request();
        const value = make();
        request.session['value'] = value;
        spoil(value as never);
        await expect(request.answer()).rejects.toMatchObject({ code: 'SESSION_UNSTORABLE_VALUE' });
      });
    });

    it.each(STORED)('%s: does not count, and is not run', async (_name, make, plain) => {
      const { fixture, browser } = start();
      await browser.visit((session) => (session['value'] = make()));
      expect(await browser.visit((session) => session['value'])).toStrictEqual(plain);
      expect(warnings(fixture)).toEqual([]);
    });
  },
);
