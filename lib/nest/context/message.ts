import { AsyncLocalStorage } from 'node:async_hooks';
import type { ManagedSession } from '../../core/session.js';

/**
 * What one message does with the session of its socket. Guards and interceptors, decorators and the handler find the same
 * one, as those of a request do: the former by the arguments of the handler, which Nest makes once for each message, the
 * latter by the interceptor around them.
 */
export class Message {
  readonly client: object;
  #opening: Promise<ManagedSession> | undefined;
  #session: ManagedSession | undefined;
  #saveAfterError = true;
  #isOver = false;

  constructor(client: object) {
    this.client = client;
  }

  /** Its handler has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * The session, loaded when it is first asked for.
   * @param saveAfterError Whether what a handler wrote is saved though it threw.
   */
  open(load: () => Promise<ManagedSession>, saveAfterError: boolean): Promise<ManagedSession> {
    this.#saveAfterError = saveAfterError;
    this.#opening ??= load().then((session) => (this.#session = session));
    return this.#opening;
  }

  /** Saves what the handler has changed so far. Undefined: nothing. */
  commit(): Promise<void> | undefined {
    return this.#session?.commit();
  }

  /** Saves, where that is wanted, what a handler has changed that threw. */
  commitAfterError(): Promise<void> | undefined {
    return this.#saveAfterError ? this.commit() : undefined;
  }

  end(): void {
    this.#isOver = true;
  }
}

const current = new AsyncLocalStorage<Message>();
const byArguments = new WeakMap<object, Message>();

/** The message whose handler gets these arguments; of a decorator, which gets a copy of them, the one that it is called in. */
export function messageOf(client: object, args: object): Message {
  const known = byArguments.get(args) ?? messageAround(client);
  if (known !== undefined) return known;
  const message = new Message(client);
  byArguments.set(args, message);
  return message;
}

/** The message of this socket in whose handler this is called, however deep. */
export function messageAround(client: object): Message | undefined {
  const message = current.getStore();
  return message?.client === client && !message.isOver ? message : undefined;
}

/** Calls a function within a message. */
export function within<T>(message: Message, call: () => T): T {
  return current.run(message, call);
}
