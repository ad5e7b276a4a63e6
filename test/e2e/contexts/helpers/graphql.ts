import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import type { DynamicModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { onCleanup } from '../../../support/cleanup.js';
import type { Adapter } from '../../../support/apps.js';
import type { Browser, BrowserResponse } from '../../../support/cookie-jar.js';
import { TYPE_DEFS } from './cart.resolver.js';

/** Each driver with the adapters that it knows. */
export const STACKS = [
  ['Apollo', 'express'],
  ['Apollo', 'fastify'],
  ['Mercurius', 'fastify'],
] as const satisfies readonly (readonly [string, Adapter])[];

/** A driver's name. */
export type Driver = (typeof STACKS)[number][0];

/** The module of GraphQL as an application has it that says nothing of its context. */
export function graphqlModule(driver: Driver): DynamicModule {
  if (driver === 'Mercurius') {
    return GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      typeDefs: TYPE_DEFS,
      subscription: true,
    });
  }
  return GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    typeDefs: TYPE_DEFS,
    graphiql: false,
    subscriptions: { 'graphql-ws': true },
  });
}

/** What a server answered, and with which cookie. */
export interface Answer {
  readonly data: Record<string, unknown> | null | undefined;
  /** The messages of its errors. */
  readonly errors: readonly string[];
  readonly response: BrowserResponse;
}

/** Sends an operation as a browser's script does. */
export async function ask(
  browser: Browser,
  query: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await browser.post('/graphql', { query }, { headers });
  const body = response.json<{ data?: Record<string, unknown> | null; errors?: { message: string }[] }>();
  return { data: body.data, errors: (body.errors ?? []).map(({ message }) => message), response };
}

/** A socket for subscriptions. */
export interface Subscriber {
  /** The first answer to an operation. */
  first(query: string): Promise<Pick<Answer, 'data' | 'errors'>>;
  /** Subscribes, and resolves with the first answer; the operation goes on. */
  keep(query: string): Promise<Pick<Answer, 'data' | 'errors'>>;
  /** Resolves with the code when the socket is closed. */
  readonly closed: Promise<number>;
}

/** Connects as a browser does. */
export function subscriber(url: string, headers: Record<string, string>): Subscriber {
  class WithHeaders extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { headers });
    }
  }
  let close: (code: number) => void = () => undefined;
  const closed = new Promise<number>((resolve) => (close = resolve));
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WithHeaders,
    retryAttempts: 0,
    // One socket for what follows each other; its timer outlives the client.
    lazyCloseTimeout: 500,
    on: { closed: (event) => close((event as { code: number }).code) },
  });
  onCleanup(() => client.dispose());
  return {
    closed,
    first: (query) => firstOf(client, query, true),
    keep: (query) => firstOf(client, query, false),
  };
}

function firstOf(client: Client, query: string, stop: boolean): Promise<Pick<Answer, 'data' | 'errors'>> {
  return new Promise((resolve, reject) => {
    const cancel = client.subscribe<Record<string, unknown>>(
      { query },
      {
        next: ({ data, errors }) => {
          resolve({ data, errors: (errors ?? []).map(({ message }) => message) });
          if (stop) cancel();
        },
        error: (error: unknown) => {
          if (Array.isArray(error))
            resolve({ data: undefined, errors: error.map(({ message }: { message: string }) => message) });
          else reject(new Error('The subscription failed.', { cause: error }));
        },
        complete: () => reject(new Error('It completed without an answer.')),
      },
    );
  });
}
