import { UseGuards } from '@nestjs/common';
import { Args, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import { AuthenticatedGuard, CsrfGuard, Principal, Session, type HttpSession } from 'nestjs-redis-session';

interface ShopSession {
  cart?: string[];
}

@Resolver()
export class ShopResolver {
  @Query(() => [String])
  cart(@Session() session: HttpSession<ShopSession>): string[] {
    return session.cart ?? [];
  }

  @Query(() => String)
  @UseGuards(AuthenticatedGuard)
  me(@Principal() userId: string): string {
    return userId;
  }

  /** For the header x-csrf-token of the mutations that CsrfGuard guards. */
  @Query(() => String)
  csrfToken(@Session() session: HttpSession): string {
    return session.csrfToken();
  }

  @Mutation(() => [String])
  add(@Args('item') item: string, @Session() session: HttpSession<ShopSession>): string[] {
    return (session.cart = [...(session.cart ?? []), item]);
  }

  /** The cookie leaves with the answer. */
  @Mutation(() => String)
  async login(@Args('name') name: string, @Session() session: HttpSession): Promise<string> {
    await session.authenticate(name);
    return name;
  }

  @Mutation(() => Boolean)
  async logout(@Session() session: HttpSession): Promise<boolean> {
    await session.destroy();
    return true;
  }

  @Mutation(() => String)
  @UseGuards(AuthenticatedGuard, CsrfGuard)
  order(@Principal() userId: string): string {
    return `ordered by ${userId}`;
  }

  /** A subscription reads its session. Its socket is closed (4401) when that ends, on whichever node. */
  @Subscription(() => String)
  @UseGuards(AuthenticatedGuard, CsrfGuard)
  async *greetings(@Principal() userId: string): AsyncGenerator<{ greetings: string }> {
    yield { greetings: `hello ${userId}` };
    await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
  }
}
