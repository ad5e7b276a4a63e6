import { Inject, UseGuards } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import { concat, defer, of, type Observable } from 'rxjs';
import {
  AuthenticatedGuard,
  Principal,
  RequireRecentLogin,
  Session,
  SessionService,
  type AnySocket,
} from 'nestjs-redis-session';
import { Gate } from '../../helpers/gate.js';
import type { ShopSession } from './shop.js';

/** What the tests do with the session of a socket. */
@WebSocketGateway()
export class CartGateway {
  /** The handler `wait` waits here. */
  gate = new Gate();

  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @SubscribeMessage('read')
  read(@Session() session: ShopSession): WsResponse {
    const { id, isNew, principal } = session;
    return { event: 'session', data: { id, isNew, principal, attributes: { ...session } } };
  }

  @SubscribeMessage('add')
  add(@Session() session: ShopSession, @MessageBody() item: string): WsResponse {
    const cart = (session['cart'] ??= []) as string[];
    cart.push(item);
    return { event: 'added', data: cart };
  }

  /** Waits before it writes, and looks at the session by other ways than its decorator. */
  @SubscribeMessage('wait')
  async wait(
    @Session() session: ShopSession,
    @Session('cart') cart: unknown,
    @ConnectedSocket() client: AnySocket,
    @MessageBody() name: string,
  ): Promise<WsResponse> {
    await this.gate.pass();
    const own = await this.sessions.of(client);
    session[name] = true;
    return { event: 'waited', data: { same: own === session, cart, seen: { ...session } } };
  }

  @SubscribeMessage('stream')
  stream(@Session() session: ShopSession): Observable<WsResponse> {
    const step = (step: number): Observable<WsResponse> =>
      defer(() => {
        session['step'] = step;
        return of({ event: 'step', data: step });
      });
    return concat(step(1), step(2));
  }

  @SubscribeMessage('fail')
  fail(@Session() session: ShopSession): never {
    session['failed'] = true;
    throw new Error('as the test wants it');
  }

  @SubscribeMessage('whoami')
  @UseGuards(AuthenticatedGuard)
  whoami(@Principal() principal: string): WsResponse {
    return { event: 'you', data: principal };
  }

  @SubscribeMessage('guest')
  guest(@Principal() principal: string | undefined): WsResponse {
    return { event: 'you', data: principal ?? null };
  }

  @SubscribeMessage('pay')
  @RequireRecentLogin(300)
  pay(): WsResponse {
    return { event: 'paid', data: null };
  }

  /** Tries what a socket cannot do. */
  @SubscribeMessage('try')
  async try(@Session() session: ShopSession, @MessageBody() what: string): Promise<WsResponse> {
    const deeds: Record<string, () => unknown> = {
      authenticate: () => session.authenticate('eve'),
      regenerateId: () => session.regenerateId(),
      csrfToken: () => session.csrfToken(),
      write: () => (session['color'] = 'red'),
    };
    try {
      await deeds[what]?.();
      return { event: 'done', data: what };
    } catch (error) {
      return { event: 'refused', data: (error as Error).message };
    }
  }

  @SubscribeMessage('logout')
  async logout(@Session() session: ShopSession): Promise<void> {
    await session.destroy();
  }

  @SubscribeMessage('nothing')
  nothing(): WsResponse {
    return { event: 'nothing', data: null };
  }
}
