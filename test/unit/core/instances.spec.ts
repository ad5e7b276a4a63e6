import { describe, expect, it } from '@jest/globals';
import { jsonCodec } from '../../../lib/codecs/json.js';
import { msgpackCodec } from '../../../lib/codecs/msgpack.js';
import { ownCodec } from '../../support/own-codec.js';
import { CoreFixture, type FakeBrowser } from './helpers.js';

class Item {
  readonly tags = new Set(['new']);
  note: string | undefined = undefined;
  readonly #secret = 'canary';
  readonly rename = (): string => this.#secret;

  constructor(readonly name: string) {}

  get shout(): string {
    return this.name.toUpperCase();
  }
}

class Money {
  constructor(private readonly cents: bigint) {}
  toJSON(): string {
    return `${this.cents / 100n}.${this.cents % 100n}`;
  }
}

class Wrapped {
  constructor(readonly inner: unknown) {}
  toJSON(): unknown {
    return this.inner;
  }
}

class Tree {
  readonly children: Tree[] = [];
  constructor(readonly parent?: Tree) {
    parent?.children.push(this);
  }
}

class Shelf extends Map<string, unknown> {}
class Listed extends Map<string, unknown> {
  toJSON(): unknown {
    return [...this.keys()];
  }
}
class Path extends Array<unknown> {}
class Day extends Date {}
class TooFar extends RangeError {}
class Pixels extends Uint8Array {}

const item = { name: 'tea', tags: new Set(['new']) };

function shared(first: unknown): unknown[] {
  const twice = { n: 1 };
  return [first, twice, { twice }, first];
}

/** What is assigned, and the plain data that is read back. Made anew for each use. */
const INSTANCES: readonly (readonly [name: string, make: () => unknown, plain: unknown])[] = [
  ['own properties, without methods and undefined', () => new Item('tea'), item],
  ['a toJSON()', () => new Money(1999n), '19.99'],
  ['beside what is shared, and shared itself', () => shared(new Item('tea')), shared(item)],
  ['inside an array', () => [1, new Item('tea')], [1, item]],
  ['inside an object', () => ({ a: { b: new Money(205n) } }), { a: { b: '2.5' } }],
  ['inside an instance', () => new Wrapped({ deep: new Item('tea') }), { deep: item }],
  [
    'inside a Map, as a key and as a value',
    () => new Map([[new Money(100n), new Item('tea')]]),
    new Map([['1.0', item]]),
  ],
  ['inside a Set', () => new Set([new Item('tea')]), new Set([item])],
  ['a toJSON() that returns a Date', () => new Wrapped(new Date(5)), new Date(5)],
  ['a toJSON() that returns an instance', () => new Wrapped(new Item('tea')), item],
  [
    'a toJSON() that returns itself',
    () =>
      new (class {
        readonly a = 1;
        toJSON() {
          return this;
        }
      })(),
    { a: 1 },
  ],
  ['a bigint of its own', () => Object.assign(new (class Big {})(), { n: 5n }), { n: 5n }],
  ['a plain object with a toJSON()', () => ({ secret: 1, toJSON: () => ({ shown: 2 }) }), { shown: 2 }],
  [
    'an object made of another',
    () => Object.assign(Object.create({ base: 1 }) as object, { own: 2 }),
    { own: 2 },
  ],
  [
    'a getter of its own',
    () => Object.defineProperty(new (class {})(), 'x', { get: () => 7, enumerable: true }),
    { x: 7 },
  ],
  ['a URL', () => new URL('http://shop.test/a'), 'http://shop.test/a'],
  ['boxed primitives', () => [new String('x'), new Number(1), new Boolean(false)], ['x', 1, false]],
  ['a subclass of Map', () => new Shelf([['a', new Money(100n)]]), new Map([['a', '1.0']])],
  ['a subclass of Map with a toJSON()', () => new Listed([['a', 1]]), ['a']],
  ['a subclass of Array', () => Path.from([1, 2]), [1, 2]],
  ['a subclass of Date', () => new Day(5), new Date(5)],
  ['a subclass of RangeError', () => new TooFar('far'), new RangeError('far')],
  ['a subclass of Uint8Array', () => new Pixels([1, 2]), new Uint8Array([1, 2])],
  ['keys that look like a tag of a codec', () => Object.assign(new (class {})(), { $date: 1 }), { $date: 1 }],
  [
    'hostile names',
    () => Object.assign(new (class {})(), { constructor: 1, then: 2 }),
    { constructor: 1, then: 2 },
  ],
];

class Unready {
  readonly items = [
    {
      get broken(): never {
        throw new Error('canary');
      },
    },
  ];
}
class Failing {
  toJSON(): never {
    throw new Error('canary');
  }
}

/** Why each cannot be stored, and where. */
const REFUSED: readonly (readonly [name: string, make: () => unknown, told: string])[] = [
  ['a toJSON() that throws', () => ({ a: new Failing() }), 'a toJSON() that throws at value.a'],
  ['a toJSON() that returns a function', () => [new Wrapped(() => 'canary')], 'a function at value[0]'],
  ['a toJSON() that returns a promise', () => new Wrapped(Promise.resolve('canary')), 'a Promise'],
  [
    'a toJSON() that returns a function deep inside',
    () => new Wrapped({ list: [() => 'canary'] }),
    'a function at value.list[0]',
  ],
  [
    'a getter that throws',
    () =>
      Object.defineProperty(new (class {})(), 'x', {
        get: () => {
          throw new Error('canary');
        },
        enumerable: true,
      }),
    'a getter that throws at value.x',
  ],
  [
    'an accessor of a plain object in an instance',
    () => new Unready(),
    'an accessor property at value.items[0].broken',
  ],
  ['a Proxy around an instance', () => ({ p: new Proxy(new Item('canary'), {}) }), 'a Proxy at value.p'],
  [
    'a Proxy for a prototype',
    () =>
      Object.create(
        new Proxy(
          {},
          {
            get: () => {
              throw new Error('canary');
            },
          },
        ),
      ) as unknown,
    'a toJSON() that throws',
  ],
  ['a function in a Map', () => ({ m: new Map([['canary', () => 1]]) }), 'a function at value.m[entry 0]'],
  ['a key that may be data', () => ({ 'ann@canary.test': () => 1 }), 'a function at value[…]'],
  ['an iterator', () => new Map().keys(), 'an iterator'],
  [
    'an own __proto__',
    () => Object.defineProperty(new (class {})(), '__proto__', { value: 1, enumerable: true }),
    'an object with an own property named __proto__',
  ],
  ['a lone surrogate from a toJSON()', () => new Wrapped('canary\ud800'), 'a string with a lone surrogate'],
  [
    'endless forms',
    () => {
      const next = (): unknown => ({ canary: 1, toJSON: () => ({ next: next() }) });
      return next();
    },
    'nested too deeply (more than 500 levels) at value',
  ],
];

describe.each([msgpackCodec, jsonCodec, ownCodec])('class instances with the $name codec', (codec) => {
  function start(rules = {}): { fixture: CoreFixture; browser: FakeBrowser } {
    const fixture = new CoreFixture({ rules, environment: { codec, codecByName: () => codec } });
    return { fixture, browser: fixture.browser() };
  }
  const warnings = ({ lines }: CoreFixture): string[] => lines.filter((line) => line.startsWith('warn'));

  it.each(INSTANCES)(
    '%s: stored as JSON would have it, read back as plain data',
    async (_name, make, plain) => {
      const { fixture, browser } = start();
      const instance = make();
      await browser.visit((session) => {
        session['value'] = instance;
        // Whoever assigned it sees their own object.
        expect(session['value']).toBe(instance);
      });
      expect(await browser.visit((session) => session['value'])).toStrictEqual(plain);
      expect(warnings(fixture)).toEqual([]);
    },
  );

  it.each(INSTANCES)(
    '%s: the bytes are those of the plain form, so that reading is no change',
    async (_name, make, plain) => {
      const { fixture, browser } = start();
      await browser.visit((session) => void (session['value'] = make()));
      fixture.lines.length = 0;
      await browser.visit((session) => session['value']);
      await browser.visit((session) => void (session['value'] = plain));
      await browser.visit((session) => void (session['value'] = make()));
      expect(fixture.lines).toEqual([]);
    },
  );

  it.each(REFUSED)('%s is refused, with where and why', async (_name, make, told) => {
    const { fixture, browser } = start();
    await browser.visit((session) => {
      session['value'] = make();
      session['other'] = 1;
    });
    expect(await browser.visit((session) => Object.keys(session))).toEqual(['other']);
    expect(warnings(fixture)).toHaveLength(1);
    expect(warnings(fixture)[0]).toContain(`attribute "value" is left out: ${told}`);
    expect(fixture.lines.join()).not.toContain('canary');
  });

  it('replaces what was stored', async () => {
    const { browser } = start();
    await browser.visit((session) => void (session['user'] = 'old'));
    await browser.visit((session) => void (session['user'] = new Item('new')));
    expect(await browser.visit((session) => session['user'])).toEqual({ ...item, name: 'new' });
  });

  it('sees what changes inside an instance before the end of the request', async () => {
    const { browser } = start();
    await browser.visit((session) => {
      const tea = new Item('tea');
      session['item'] = tea;
      tea.note = 'hot';
    });
    expect(await browser.visit((session) => session['item'])).toEqual({ ...item, note: 'hot' });
  });

  it('takes an instance that stands for null as null, which removes', async () => {
    const { fixture, browser } = start();
    await browser.visit((session) => void (session['due'] = 'tomorrow'));
    await browser.visit((session) => void (session['due'] = new Wrapped(null)));
    expect(await browser.visit((session) => Object.keys(session))).toEqual([]);
    expect(warnings(fixture)).toEqual([]);
  });

  it('lets update() return one', async () => {
    const { browser } = start();
    await browser.visit((session) => void (session['a'] = 1));
    const returned = new Item('tea');
    expect(await browser.visit((session) => session.update('item', () => returned))).toBe(returned);
    expect(await browser.visit((session) => session['item'])).toStrictEqual(item);
  });

  it('keeps or refuses cycles through instances as it does those of plain objects', async () => {
    const { fixture, browser } = start();
    await browser.visit((session) => {
      const root = new Tree();
      new Tree(root);
      session['tree'] = root;
      session['other'] = 1;
    });
    interface PlainTree {
      parent?: PlainTree;
      children: PlainTree[];
    }
    const tree = await browser.visit((session) => session['tree'] as PlainTree | undefined);
    if (codec === jsonCodec) {
      expect(tree).toBeUndefined();
      expect(warnings(fixture)).toEqual([
        expect.stringMatching(/"tree" is left out: a cycle, .* at tree\.children\[0\]\.parent\./),
      ]);
    } else {
      expect(tree?.children[0]?.parent).toBe(tree);
      expect(Object.getPrototypeOf(tree)).toBe(Object.prototype);
      fixture.lines.length = 0;
      await browser.visit((session) => session['tree']);
      expect(fixture.lines).toEqual([]);
    }
  });

  it('keeps half a change away, and says by which attribute and path', async () => {
    const { fixture, browser } = start();
    await browser.visit((session) => void (session['cart'] = { items: [1] }));
    await browser.visit((session) => {
      const cart = session['cart'] as { items: number[]; owner?: unknown };
      cart.items.push(2);
      cart.owner = function canary() {};
    });
    expect(await browser.visit((session) => session['cart'])).toEqual({ items: [1] });
    expect(warnings(fixture)).toEqual([
      expect.stringMatching(/attribute "cart" is left out: a function at cart\.owner\.$/),
    ]);
    expect(fixture.lines.join()).not.toContain('canary');
  });

  describe('UNSTORABLE=error', () => {
    const error = {
      code: 'SESSION_UNSTORABLE_VALUE',
      message: expect.stringContaining('a function at cart.owner') as unknown,
    };

    it('throws where it is assigned, and the attribute stays as it was', async () => {
      const { browser } = start({ unstorable: 'error' });
      await browser.visit((session) => void (session['cart'] = { items: [1] }));
      await browser.visit((session) => {
        const assign = (): void => void (session['cart'] = { owner: () => 'canary' });
        expect(assign).toThrow(expect.objectContaining({ ...error, path: '.owner' }));
        expect(session['cart']).toEqual({ items: [1] });
        session['other'] = 1;
      });
      expect(await browser.visit((session) => ({ ...session }))).toEqual({ cart: { items: [1] }, other: 1 });
    });

    it('fails the save where a change inside a value made it so, and saves nothing', async () => {
      const { browser } = start({ unstorable: 'error' });
      await browser.visit((session) => void (session['cart'] = { items: [1] }));
      const request = await browser.request();
      const cart = request.session['cart'] as { items: number[]; owner?: unknown };
      cart.items.push(2);
      cart.owner = (): string => 'canary';
      request.session['other'] = 1;
      await expect(request.answer()).rejects.toMatchObject(error);
      expect(await browser.visit((session) => ({ ...session }))).toEqual({ cart: { items: [1] } });
    });

    it('throws for a name that cannot be stored, and not for null', async () => {
      const { browser } = start({ unstorable: 'error' });
      await browser.visit((session) => {
        expect(() => (session['\ud800'] = 1)).toThrow('its name holds a lone surrogate');
        session['user'] = null;
        session['a'] = 1;
      });
    });
  });
});
