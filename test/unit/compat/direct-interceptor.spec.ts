import { describe, expect, it } from '@jest/globals';
import { Sse } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { of } from 'rxjs';
import { callDirectly, type DirectInterceptor } from '../../../lib/compat/direct-interceptor.js';

interface Consumer {
  intercept(
    interceptors: readonly unknown[] | undefined,
    args: unknown[],
    instance: object,
    callback: object,
    next: () => Promise<unknown>,
    type?: string,
  ): Promise<unknown>;
}

class Direct implements DirectInterceptor {
  calls: unknown[] = [];
  intercept = (): unknown => of('by the pipeline');
  around = async (request: unknown, response: unknown, handler: () => Promise<unknown>): Promise<unknown> => {
    this.calls.push([request, response]);
    return `around ${String(await handler())}`;
  };
}

const args = ['request', 'response', 'next'];
const handler = (): Promise<string> => Promise.resolve('the handler');

function callback(): void {
  // A handler of no controller.
}

/** A canary: where Nest moves this, each request becomes slower, and nothing else. */
describe("the private part of Nest's interceptors", () => {
  async function consumerOf(): Promise<[ExternalContextCreator, Consumer]> {
    const module = await Test.createTestingModule({}).compile();
    const creator = module.get(ExternalContextCreator, { strict: false });
    return [creator, Reflect.get(creator, 'interceptorsConsumer') as Consumer];
  }

  it('is a method of six parameters, of an object that the creator of contexts has', async () => {
    const [, consumer] = await consumerOf();
    expect(consumer.constructor.name).toBe('InterceptorsConsumer');
    expect(Reflect.get(Object.getPrototypeOf(consumer) as object, 'intercept')).toHaveLength(6);
  });

  it('calls the interceptor that was named, where it is the first of a route of HTTP', async () => {
    const [creator, consumer] = await consumerOf();
    const [direct, other] = [new Direct(), new Direct()];
    callDirectly(creator, direct, direct.intercept);
    const called = async (
      list: readonly unknown[] | undefined,
      type: string,
      method = callback,
    ): Promise<unknown> => {
      direct.calls = [];
      const value = await consumer.intercept(list, args, {}, method, handler, type);
      return { direct: direct.calls.length, value: typeof value };
    };
    expect(await called([direct], 'http')).toEqual({ direct: 1, value: 'string' });
    expect(direct.calls).toEqual([['request', 'response']]);
    expect(await called([direct, other], 'http')).toEqual({ direct: 1, value: 'string' });
    expect(await called([other, direct], 'http')).toEqual({ direct: 0, value: 'object' });
    expect(await called([other], 'http')).toEqual({ direct: 0, value: 'object' });
    expect(await called([direct], 'rpc')).toEqual({ direct: 0, value: 'object' });
    expect(await called([], 'http')).toEqual({ direct: 0, value: 'string' });
    expect(await called(undefined, 'http')).toEqual({ direct: 0, value: 'string' });
  });

  it('calls what has been put in the place of intercept(), at any time', async () => {
    const [creator, consumer] = await consumerOf();
    const direct = new Direct();
    const { intercept } = direct;
    callDirectly(creator, direct, intercept);
    const calls = async (): Promise<number> => {
      direct.calls = [];
      await consumer.intercept([direct], args, {}, callback, handler, 'http');
      return direct.calls.length;
    };
    expect(await calls()).toBe(1);
    direct.intercept = () => of('by a tool that traces');
    expect(await calls()).toBe(0);
    direct.intercept = intercept;
    expect(await calls()).toBe(1);
  });

  it('leaves the events that a server sends to Nest', async () => {
    const [creator, consumer] = await consumerOf();
    const direct = new Direct();
    callDirectly(creator, direct, direct.intercept);
    class Controller {
      @Sse()
      events(this: void): void {
        // Never called.
      }
    }
    const events = Reflect.get(Controller.prototype, 'events') as object;
    expect(typeof (await consumer.intercept([direct], args, {}, events, handler, 'http'))).toBe('object');
    expect(direct.calls).toEqual([]);
  });

  it('changes a class once, for all applications', async () => {
    const [creator, consumer] = await consumerOf();
    callDirectly(creator, new Direct(), 'intercept');
    const intercept: unknown = Reflect.get(consumer, 'intercept');
    callDirectly(creator, new Direct(), 'intercept');
    expect(Reflect.get(consumer, 'intercept')).toBe(intercept);
  });

  it.each<[string, { interceptorsConsumer?: object }]>([
    ['nothing', {}],
    ['an object without the method', { interceptorsConsumer: {} }],
    [
      'a method of other parameters',
      {
        interceptorsConsumer: new (class {
          intercept(_one: unknown): void {
            // Of another Nest.
          }
        })(),
      },
    ],
  ])('is left alone where there is %s', (_what, creator) => {
    const method = (): unknown => Reflect.get(creator.interceptorsConsumer ?? {}, 'intercept');
    const before = method();
    callDirectly(creator as never, new Direct(), 'intercept');
    expect(method()).toBe(before);
  });
});
