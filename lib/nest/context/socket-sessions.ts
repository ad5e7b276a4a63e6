import type { HttpSession } from '../../core/members.js';
import { PeekedSession } from '../../core/peeked-session.js';
import type { ManagedSession } from '../../core/session.js';
import type { SessionWatch } from '../../core/session-watch.js';
import type { RequestSessionOptions } from '../../http/request-session.js';
import type { Handshake } from './handshake.js';
import { Message, messageAround, messageOf } from './message.js';
import { SocketSession } from './socket-session.js';
import type { MessagePlace, OperationPlace } from './source.js';

const READ_ONLY =
  'GraphQL over a WebSocket (a subscription, as a rule) only reads its session: no response would bring the cookie, and ' +
  'nothing would save the change. Change it in a query or mutation over HTTP.';

/** A session, and what an application gets of it. */
interface OpenedSession {
  readonly session: ManagedSession;
  readonly httpSession: HttpSession;
}

/** The sessions of an application's sockets. */
export class SocketSessions {
  readonly #options: RequestSessionOptions;
  readonly #watch: SessionWatch;
  readonly #sockets = new WeakMap<object, SocketSession>();
  readonly #operations = new WeakMap<object, Promise<OpenedSession>>();

  constructor(options: RequestSessionOptions, watch: SessionWatch) {
    this.#options = options;
    this.#watch = watch;
  }

  /** The session of a message, or of a GraphQL operation, as it is stored when it is first asked for. */
  async open(place: MessagePlace | OperationPlace): Promise<OpenedSession> {
    try {
      return await (place.kind === 'message' ? this.#ofMessage(place) : this.#ofOperation(place));
    } catch (error) {
      throw this.#options.manager.asThrown(error);
    }
  }

  async #ofMessage({ client, args, handshake }: MessagePlace): Promise<OpenedSession> {
    const message =
      args === undefined ? (messageAround(client) ?? new Message(client)) : messageOf(client, args);
    const socket = this.#socketOf(client, handshake);
    const session = await message.open(() => socket.open(), this.#options.saveOnServerError);
    return { session, httpSession: session.httpSession };
  }

  #ofOperation({ context, handshake }: OperationPlace): Promise<OpenedSession> {
    let opened = this.#operations.get(context);
    if (opened === undefined) {
      opened = this.#socketOf(handshake.request, handshake).open().then(onlyRead);
      this.#operations.set(context, opened);
    }
    return opened;
  }

  #socketOf(key: object, handshake: Handshake): SocketSession {
    let socket = this.#sockets.get(key);
    if (socket === undefined) {
      socket = new SocketSession(handshake, this.#options, this.#watch);
      this.#sockets.set(key, socket);
    }
    return socket;
  }
}

function onlyRead(session: ManagedSession): OpenedSession {
  return { session, httpSession: new PeekedSession(session, READ_ONLY).httpSession };
}
