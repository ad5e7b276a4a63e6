import { Inject, UseGuards } from '@nestjs/common';
import { Args, Context, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import {
  AuthenticatedGuard,
  CsrfGuard,
  Principal,
  RequireRecentLogin,
  Session,
  SessionService,
  SkipCsrf,
} from 'nestjs-redis-session';
import type { IncomingMessage } from 'node:http';
import { Gate } from '../../helpers/gate.js';
import type { ShopSession } from './shop.js';

export const TYPE_DEFS = `
  type Query {
    principal: String
    attributes: String!
    bump(name: String!): Int!
    secret: String
    csrf: String!
  }
  type Mutation {
    login(who: String!): String!
    logout: Boolean
    renew: String!
    add(item: String!): [String!]!
    pay: Boolean
    fail: Boolean
    transfer: Boolean
    hook: Boolean
  }
  type Subscription {
    principal: String
    guarded: String
    trying(what: String!): String
  }
`;

/** What the tests do with the session in resolvers. */
@Resolver()
export class CartResolver {
  /** The resolvers `bump` wait for each other here. */
  gate = new Gate();

  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Query()
  principal(@Principal() principal: string | undefined): string | undefined {
    return principal;
  }

  @Query()
  attributes(@Session() session: ShopSession): string {
    return JSON.stringify(session);
  }

  @Query()
  async bump(@Session() session: ShopSession, @Args('name') name: string): Promise<number> {
    await this.gate.pass();
    session[name] = ((session[name] as number | undefined) ?? 0) + 1;
    return Object.keys(session).length;
  }

  @Query()
  @UseGuards(AuthenticatedGuard)
  secret(@Principal() principal: string): string {
    return principal;
  }

  @Query()
  csrf(@Session() session: ShopSession): string {
    return session.csrfToken();
  }

  @Mutation()
  async login(
    @Args('who') who: string,
    @Session() session: ShopSession,
    @Context('req') request: IncomingMessage,
  ): Promise<string> {
    const own = await this.sessions.of(request);
    await own.authenticate(who);
    return session.id;
  }

  @Mutation()
  async logout(@Session() session: ShopSession): Promise<boolean> {
    await session.destroy();
    return true;
  }

  @Mutation()
  async renew(@Session() session: ShopSession): Promise<string> {
    await session.regenerateId();
    return session.id;
  }

  @Mutation()
  add(@Session() session: ShopSession, @Args('item') item: string): string[] {
    const cart = (session['cart'] ??= []) as string[];
    cart.push(item);
    return cart;
  }

  @Mutation()
  @RequireRecentLogin(300)
  pay(): boolean {
    return true;
  }

  @Mutation()
  fail(@Session() session: ShopSession): never {
    session['failed'] = true;
    throw new Error('as the test wants it');
  }

  @Mutation()
  @UseGuards(CsrfGuard)
  transfer(): boolean {
    return true;
  }

  @Mutation()
  @UseGuards(CsrfGuard)
  @SkipCsrf()
  hook(): boolean {
    return true;
  }

  @Subscription('principal')
  async *watch(
    @Principal() principal: string | undefined,
  ): AsyncGenerator<{ principal: string | undefined }> {
    yield { principal };
    await new Promise(() => undefined);
  }

  @Subscription()
  @UseGuards(AuthenticatedGuard, CsrfGuard)
  async *guarded(@Principal() principal: string): AsyncGenerator<{ guarded: string }> {
    yield { guarded: principal };
  }

  @Subscription()
  async *trying(
    @Session() session: ShopSession,
    @Args('what') what: string,
  ): AsyncGenerator<{ trying: string }> {
    const deeds: Record<string, () => unknown> = {
      read: () => JSON.stringify(session),
      write: () => (session['color'] = 'red'),
      destroy: () => session.destroy(),
      authenticate: () => session.authenticate('eve'),
    };
    try {
      yield { trying: (await deeds[what]?.()) as string };
    } catch (error) {
      yield { trying: (error as Error).message };
    }
  }
}
