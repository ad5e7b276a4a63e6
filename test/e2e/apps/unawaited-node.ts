import { Controller, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import { Session, SessionService, type HttpSession } from 'nestjs-redis-session';
import { createNode, listen } from '../../support/node-main.js';

type AnySession = HttpSession<Record<string, unknown>>;

/** What a handler may begin and leave alone. */
const OPERATIONS: Record<string, (session: AnySession) => Promise<unknown>> = {
  save: (session) => session.save(),
  'save of a change': (session) => {
    session['a'] = 'changed';
    return session.save();
  },
  update: (session) => session.update('n', (n) => Number(n ?? 0) + 1),
  'update of a member': (session) => session.update('id', () => 'mine'),
  regenerateId: (session) => session.regenerateId(),
  reload: (session) => session.reload(),
  authenticate: (session) => session.authenticate('bob'),
  'authenticate nobody': (session) => session.authenticate(''),
  destroy: (session) => session.destroy(),
};

@Controller()
class UnawaitedController {
  readonly #sessions: SessionService;

  constructor(@Inject(SessionService) sessions: SessionService) {
    this.#sessions = sessions;
  }

  @Post('login') @HttpCode(200) async login(@Session() session: AnySession): Promise<void> {
    await session.authenticate('ann');
  }

  @Post('begin/:what') @HttpCode(200) begin(
    @Session() session: AnySession,
    @Param('what') what: string,
  ): string {
    void OPERATIONS[what]?.(session);
    return 'done';
  }

  /** The same, of a session that somebody else has ended meanwhile. */
  @Post('gone/:what') @HttpCode(200) async gone(
    @Session() session: AnySession,
    @Param('what') what: string,
  ): Promise<string> {
    await this.#sessions.destroy(session.id);
    void OPERATIONS[what]?.(session);
    return 'done';
  }

  /** After the response, where no other response can tell. */
  @Post('job/:what') @HttpCode(200) job(@Session() session: AnySession, @Param('what') what: string): string {
    setTimeout(() => {
      void this.#sessions.destroy(session.id).then(() => void OPERATIONS[what]?.(session));
    }, 1);
    return 'done';
  }

  /** Of the service, whatever becomes of it. */
  @Post('service') @HttpCode(200) service(@Req() request: never): string {
    void this.#sessions.of(request);
    for (const name of ['open', 'peek', 'destroy', 'list', 'count', 'destroyAll'] as const)
      void this.#sessions[name]('no-such-session');
    return 'done';
  }
}

await listen(await createNode({ controllers: [UnawaitedController], logger: ['warn', 'error', 'log'] }));
