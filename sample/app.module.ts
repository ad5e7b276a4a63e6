import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { RedisSessionModule } from 'nestjs-redis-session';
import { SessionAdminModule } from 'nestjs-redis-session/admin';
import { RedisSessionHealthModule } from 'nestjs-redis-session/health';
import { fileURLToPath } from 'node:url';
import { Layout } from './pages/layout.js';
import { NodeInfo } from './pages/node-info.js';
import { AccountController } from './shop/account.controller.js';
import { CartController } from './shop/cart.controller.js';
import { HealthController } from './shop/health.controller.js';
import { HomeController } from './shop/home.controller.js';
import { Kitchen } from './shop/kitchen.js';
import { KeeperGuard } from './shop/keeper.js';
import { LoginRequiredFilter } from './shop/login-required.js';
import { LoginController } from './shop/login.controller.js';
import { NewDeviceMail } from './shop/new-device-mail.js';
import { OrderController } from './shop/order.controller.js';
import { SessionController } from './shop/session.controller.js';
import { StatusController } from './shop/status.controller.js';
import { VisitsController } from './shop/visits.controller.js';

@Module({
  imports: [
    // Compiled, this file is in sample/dist: the settings are in sample/.env, and the environment wins over it.
    ConfigModule.forRoot({ isGlobal: true, envFilePath: fileURLToPath(new URL('../.env', import.meta.url)) }),
    // By default a guest's session stays in the process that made it, with a short-lived copy in Redis, so
    // that bots cannot fill Redis. Here a guest fills a cart while the nodes take turns: it has to last.
    RedisSessionModule.forRootAsync({ defaults: { storeGuests: true } }),
    // Everybody's sessions, for the keeper of the shop: it would not start without a guard.
    SessionAdminModule.register({ path: 'admin/sessions', guards: [KeeperGuard] }),
    TerminusModule,
    RedisSessionHealthModule,
  ],
  controllers: [
    HomeController,
    CartController,
    LoginController,
    AccountController,
    OrderController,
    VisitsController,
    SessionController,
    StatusController,
    HealthController,
  ],
  providers: [
    Layout,
    NodeInfo,
    Kitchen,
    NewDeviceMail,
    { provide: APP_FILTER, useClass: LoginRequiredFilter },
  ],
})
export class AppModule {}
