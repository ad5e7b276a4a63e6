import type { INestApplicationContext } from '@nestjs/common';
import { RedisSessionModule, SessionService, type AnyRequest } from '../../../lib/index.js';
import type { SessionBackend } from '../../../lib/stores/backend.js';
import { SESSION_BACKEND } from '../../../lib/nest/tokens.js';
import type { Bag, Exchange } from '../scene.js';
import { seed } from '../stage.js';
import { StoreControl } from '../store-control.js';

/** Sessions in this process's memory. */
export const MODULE = RedisSessionModule.forRoot({});

/** What an application with sessions has more than one without. */
export class Sessions {
  readonly store: StoreControl;
  readonly #service: SessionService;

  constructor(app: INestApplicationContext) {
    this.#service = app.get(SessionService);
    this.store = new StoreControl(app.get<SessionBackend>(SESSION_BACKEND).store);
  }

  /** A request's part in its exchange. The response is only needed by a bare server. */
  of(request: AnyRequest, response?: Exchange['response']): Pick<Exchange, 'session' | 'endSession'> {
    return {
      session: () => this.#service.of<Bag>(request, response),
      endSession: (id) => this.#service.destroy(id),
    };
  }

  /** Begins a session and answers. */
  async answerSeed(request: AnyRequest, response: Exchange['response']): Promise<void> {
    seed(await this.#service.of<Bag>(request, response));
    response.end('seeded');
  }
}
