/** Routes on which requests of one session meet, beside those of controllers.js. */
import { Controller, Get, Post, Query, Req } from '@nestjs/common';
import { route } from './route.js';

/** Lets those who wait go on together, once enough have come or somebody says so. */
class Gate {
  #waiting = [];

  get arrived() {
    return this.#waiting.length;
  }

  async pass(enough) {
    const passed = new Promise((resolve) => this.#waiting.push(resolve));
    if (this.arrived >= enough) this.open();
    await passed;
  }

  open() {
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** @param {import('./controllers.js').SessionAccess} access */
export function racesController({ session, get, set, user, logout }) {
  const gate = new Gate();

  class RacesController {
    /** Has the session in hand, waits until `enough` requests do or the gate is opened, and sets an attribute. */
    async set(current, name, enough) {
      await gate.pass(enough === undefined ? Infinity : Number(enough));
      set(current, name, 'set');
      return { ok: true };
    }

    setAtOnce(current, name) {
      set(current, name, 'set');
      return { ok: true };
    }

    has(current, names) {
      return { kept: names.split(',').filter((name) => get(current, name) === 'set').length };
    }

    who(current) {
      return { user: user(current) };
    }

    async logout(current, request) {
      await logout(current, request);
      return { ok: true };
    }

    arrived() {
      return { count: gate.arrived };
    }

    open() {
      gate.open();
      return { ok: true };
    }
  }
  route(RacesController, 'set', Post('set'), session(), Query('name'), Query('enough'));
  route(RacesController, 'setAtOnce', Post('set-at-once'), session(), Query('name'));
  route(RacesController, 'has', Get('has'), session(), Query('names'));
  route(RacesController, 'who', Get('who'), session());
  route(RacesController, 'logout', Post('logout'), session(), Req());
  route(RacesController, 'arrived', Get('arrived'));
  route(RacesController, 'open', Post('open'));
  Controller('races')(RacesController);
  return RacesController;
}
