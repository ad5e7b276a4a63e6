import type { ResponseContext } from '../../core/environment.js';
import type { ManagedSession } from '../../core/session.js';
import type { SessionWatch } from '../../core/session-watch.js';
import type { OpenSession } from '../../core/sessions-in-use.js';
import { idOf, type SessionId, type SessionToken } from '../../core/token.js';
import type { RequestSessionOptions } from '../../http/request-session.js';
import type { TokenTransport } from '../../http/token-transport.js';
import type { Handshake } from './handshake.js';

const NO_RESPONSE =
  'a socket has no response that could bring the browser its cookie. Do it in an HTTP request, and connect after that.';

/**
 * The session of a socket, as its handshake brought it. Looked up anew for each message, kept alive as long as the socket is
 * open, and the end of the socket when it ends. A socket whose handshake brought none stays a guest.
 */
export class SocketSession implements ResponseContext {
  readonly headersSent = true;
  readonly noResponse = NO_RESPONSE;
  readonly #handshake: Handshake;
  readonly #options: RequestSessionOptions;
  readonly #watch: SessionWatch;
  /** Settles when it is known whose socket it is. */
  #identified: Promise<ManagedSession> | undefined;
  /** Undefined: that of a guest, or it has ended. */
  #id: SessionId | undefined;
  /** As it was loaded last. */
  #latest: ManagedSession | undefined;
  readonly #whenOver: (() => void)[] = [];

  constructor(handshake: Handshake, options: RequestSessionOptions, watch: SessionWatch) {
    this.#handshake = handshake;
    this.#options = options;
    this.#watch = watch;
  }

  /** The session as it is stored now; a new, empty one that cannot be written to for a guest, and where it has ended. */
  async open(): Promise<ManagedSession> {
    if (this.#identified === undefined) {
      const identified = this.#identify();
      this.#identified = identified;
      // The store may be there for the next message.
      identified.catch(() => (this.#identified = undefined));
      return identified;
    }
    await this.#identified;
    const { manager } = this.#options;
    const session = this.#id === undefined ? undefined : await manager.reopen(this.#id, this);
    if (session === undefined) {
      if (this.#id !== undefined) this.#end();
      return manager.open([], this);
    }
    this.#id = session.id;
    this.#latest = session;
    return session;
  }

  async #identify(): Promise<ManagedSession> {
    const { manager, transport, events } = this.#options;
    const { tokens, forged } = tokensOf(transport, this.#handshake);
    if (forged) events.emit({ type: 'rejected', reason: 'forged', id: undefined });
    // Before the load, or an end between its answer and the watch would go unheard.
    const ended = new Set<SessionId>();
    const stops = tokens.map(idOf).map((id) => this.#watch.during(id, () => ended.add(id)));
    try {
      const session = await manager.open(tokens, this);
      if (session.phase !== 'stored') return session;
      this.#begin(session);
      if (ended.has(session.id)) this.#end();
      return session;
    } finally {
      stops.forEach((stop) => stop());
    }
  }

  #begin(session: ManagedSession): void {
    this.#id = session.id;
    this.#latest = session;
    const { isOver, onceOver } = this.#handshake;
    const use = new SocketUse(
      () => this.#id,
      () => this.#latest as ManagedSession,
    );
    this.#whenOver.push(
      this.#watch.during(
        session.id,
        () => this.#end(),
        (id) => (this.#id = id),
      ),
      this.#options.inUse.during(use, isOver),
    );
    if (isOver()) this.#forget();
    else onceOver(() => this.#forget());
  }

  /** The session has ended, and the socket with it. */
  #end(): void {
    this.#id = undefined;
    this.#forget();
    this.#handshake.close();
  }

  #forget(): void {
    for (const stop of this.#whenOver.splice(0)) stop();
  }
}

/** What SessionsInUse asks of the session of a socket, whatever that is by then. */
class SocketUse implements OpenSession {
  readonly #currentId: () => SessionId | undefined;
  readonly #latest: () => ManagedSession;

  constructor(currentId: () => SessionId | undefined, latest: () => ManagedSession) {
    this.#currentId = currentId;
    this.#latest = latest;
  }

  get phase(): ManagedSession['phase'] {
    return this.#latest().phase;
  }

  get id(): SessionId {
    return this.#currentId() ?? this.#latest().id;
  }

  get state(): ManagedSession['state'] {
    return this.#latest().state;
  }
}

/**
 * The tokens of a handshake. No framework sees it, so that behind a proxy nobody knows whether it came over TLS: the
 * cookie may have either name. That of a secure one comes first; browsers do not send it over plain HTTP.
 */
function tokensOf(
  transport: TokenTransport,
  { request }: Handshake,
): { readonly tokens: readonly SessionToken[]; readonly forged: boolean } {
  const { headers } = request;
  const secure = transport.receive(headers, { secure: true, host: headers.host });
  if (secure.tokens.length > 0 || secure.forged) return secure;
  return transport.receive(headers, { secure: false, host: headers.host });
}
