/** The routes that every contestant serves. */
import { Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import { cartOf } from '../lib/session-data.js';
import { route } from './route.js';

/** A user that an application would find in its database. */
const USER = 'user-42';
/** Nobody logs in a thousand times: those who do take turns. */
const USERS = 5_000;
let logins = 0;

/**
 * @typedef {object} SessionAccess How handlers reach a session of one contestant.
 * @property {() => ParameterDecorator} session
 * @property {(session: any, name: string) => unknown} get
 * @property {(session: any, name: string, value: unknown) => void} set
 * @property {(session: any, request: any) => Promise<any>} login Resolves to the session after the login.
 * @property {(session: any) => unknown} user Who is logged in; undefined: nobody.
 * @property {(session: any, request: any) => Promise<void>} logout
 */

/** Handlers that work on a session. @param {SessionAccess} access */
export function sessionController({ session, get, set, login }) {
  class BenchController {
    plain() {
      return { ok: true };
    }

    read(current) {
      return { views: get(current, 'views') ?? 0 };
    }

    change(current) {
      const views = (get(current, 'views') ?? 0) + 1;
      set(current, 'views', views);
      return { views };
    }

    async login(current, request) {
      const user = `user-${(logins += 1) % USERS}`;
      await login(current, request, user);
      return { user };
    }

    /** A logged-in session of a size, for the workloads that follow. */
    async seed(current, request, kib, attributes) {
      const renewed = await login(current, request, USER);
      set(renewed, 'views', 0);
      if (Number(kib) > 0) set(renewed, 'cart', cartOf(Number(kib)));
      for (let i = 0; i < Number(attributes ?? 0); i += 1) set(renewed, `attribute-${i}`, `value ${i}`);
      return { user: USER };
    }

    /** A session that nobody logged in to, holding 200 bytes. */
    anonymous(current) {
      set(current, 'note', 'x'.repeat(196));
      return { ok: true };
    }
  }
  route(BenchController, 'plain', Get('plain'));
  route(BenchController, 'read', Get('read'), session());
  route(BenchController, 'change', Post('change'), session());
  route(BenchController, 'login', Post('login'), session(), Req());
  route(BenchController, 'seed', Post('seed'), session(), Req(), Query('kib'), Query('attributes'));
  route(BenchController, 'anonymous', Post('anonymous'), session());
  Controller()(BenchController);
  return BenchController;
}

/**
 * The limit: the commands that a session needs at least, sent by the handler itself with ioredis. No cookie
 * rules, no hashing, no tracking, no codec, nothing that fails well.
 * @param {import('ioredis').Redis} redis
 */
export function rawController(redis) {
  let seeded = 0;

  class RawController {
    plain() {
      return { ok: true };
    }

    async read(request) {
      const key = keyOf(request);
      return { views: key === undefined ? 0 : await load(redis, key) };
    }

    async change(request) {
      const key = keyOf(request);
      const views = (await load(redis, key)) + 1;
      await redis.pipeline().hset(key, 'views', views).expire(key, 1800).exec();
      return { views };
    }

    async login() {
      seeded += 1;
      await redis
        .pipeline()
        .hset(`raw:${seeded}`, 'views', 0, 'user', USER)
        .expire(`raw:${seeded}`, 1800)
        .exec();
      return { user: USER };
    }

    async seed(_request, kib, response) {
      const key = `raw:seed-${(seeded += 1)}`;
      await redis.hset(key, {
        views: 0,
        user: USER,
        ...(kib > 0 && { cart: JSON.stringify(cartOf(Number(kib))) }),
      });
      (response.raw ?? response).setHeader('set-cookie', `sid=${key}`);
      return { user: USER };
    }
  }
  route(RawController, 'plain', Get('plain'));
  route(RawController, 'read', Get('read'), Req());
  route(RawController, 'change', Post('change'), Req());
  route(RawController, 'login', Post('login'));
  route(RawController, 'seed', Post('seed'), Req(), Query('kib'), Res({ passthrough: true }));
  Controller()(RawController);
  return RawController;
}

function keyOf(request) {
  return request.headers.cookie?.slice('sid='.length);
}

/** One round trip. A pipeline: two plain calls of ioredis in one tick are two writes to the socket, and slower. */
async function load(redis, key) {
  const [[, hash]] = await redis.pipeline().hgetall(key).expire(key, 1800).exec();
  return Number(hash.views);
}
