import { ValidationPipe } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Session, type HttpSession } from 'nestjs-redis-session';
import { AppModule } from '../../sample/app.module.js';
import { startApp, type Adapter, type StartedApp } from '../support/apps.js';
import { startRedis } from '../support/redis-server.js';

/** Tells a page who is logged in, over a socket: the sample's pages have none. */
@WebSocketGateway({ path: '/live' })
class LiveGateway {
  @SubscribeMessage('who')
  who(@Session() session: HttpSession): { event: string; data: string | null } {
    return { event: 'you', data: session.principal ?? null };
  }
}

/** The sample on two nodes that share a Redis, each with a gateway beside it. They end with the test file. */
export async function startShop(adapter: Adapter): Promise<readonly [StartedApp, StartedApp]> {
  const redis = await startRedis();
  // As an operator gives them: the sample reads its settings from the environment.
  Object.assign(process.env, {
    REDIS_SESSION_ENABLED: 'true',
    REDIS_SESSION_HOST: redis.host,
    REDIS_SESSION_PORT: String(redis.port),
  });
  const start = (): Promise<StartedApp> =>
    startApp(
      adapter,
      { imports: [AppModule], providers: [LiveGateway] },
      {
        configure: (app) => {
          app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
          app.useWebSocketAdapter(new WsAdapter(app));
        },
      },
    );
  return [await start(), await start()];
}
