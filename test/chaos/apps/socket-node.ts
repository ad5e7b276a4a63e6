import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { Session, SessionService, type HttpSession } from 'nestjs-redis-session';
import { type Shown } from './chaos-node.js';
import { createNode, listen } from '../../support/node-main.js';

type SocketNodeSession = HttpSession<{ value?: string }>;

/** A node whose users have sockets open; its settings come from the environment. */
@Controller()
class SocketController {
  constructor(private readonly sessions: SessionService) {}

  @Get('plain') plain(): string {
    return 'plain';
  }

  @Get('read') read(@Session() session: SocketNodeSession): Shown {
    const { id, principal = null, value = null } = session;
    return { id, who: principal, value, count: null, pid: process.pid };
  }

  @Post('write') @HttpCode(200) write(
    @Session() session: SocketNodeSession,
    @Body('value') value: string,
  ): Shown {
    const before = this.read(session);
    session.value = value;
    return before;
  }

  @Post('login') @HttpCode(200) async login(
    @Session() session: SocketNodeSession,
    @Body() { user, value }: { user: string; value?: string },
  ): Promise<Shown> {
    if (value !== undefined) session.value = value;
    await session.authenticate(user);
    return this.read(session);
  }

  @Post('renew') @HttpCode(200) async renew(@Session() session: SocketNodeSession): Promise<void> {
    await session.regenerateId();
  }

  @Post('logout') @HttpCode(200) async logout(@Session() session: SocketNodeSession): Promise<void> {
    await session.destroy();
  }

  @Post('end-all') @HttpCode(200) async endAll(@Body('user') user: string): Promise<void> {
    await this.sessions.destroyAll(user);
  }

  @Post('end') @HttpCode(200) async end(@Body('id') id: string): Promise<void> {
    await this.sessions.destroy(id);
  }
}

@WebSocketGateway()
class SocketGateway {
  @SubscribeMessage('who') who(@Session() session: SocketNodeSession): WsResponse<string | null> {
    return { event: 'who', data: session.principal ?? null };
  }
}

const app = await createNode({ controllers: [SocketController], providers: [SocketGateway] });
app.useWebSocketAdapter(new WsAdapter(app));
app.enableShutdownHooks();
app.get(SessionService).events.subscribe(({ type }) => void process.stdout.write(`event ${type}\n`));
await listen(app);
