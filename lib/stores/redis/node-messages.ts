import { randomBytes } from 'node:crypto';
import type { SessionEvent, SessionEvents } from '../../core/events.js';
import type { SessionId } from '../../core/token.js';
import type { Subscriptions, SubscriberHooks } from '../../redis/subscriber.js';
import type { GuestStore } from '../layers/guest-store.js';
import { RecentSet } from './recent-set.js';
import { idIn } from './record.js';
import { readMessage, type MessageSender, type SessionMessage } from './session-messages.js';

/** How many ids of logins are remembered at least, to tell of their expiry. */
const LEAST_KNOWN = 100_000;

/** What a node's messages are about. */
interface NodeMessagesOptions {
  readonly keyPrefix: string;
  /** Database of the sessions, whose expired keys may be told. */
  readonly database: number;
  /** Whether principals in messages are encrypted, so that listeners cannot read them. */
  readonly sealed: boolean;
  /** Undefined: no sessions are kept in this process. */
  readonly guests: GuestStore | undefined;
  readonly events: SessionEvents;
  readonly log: { log(message: string): void; warn(message: string): void };
}

/** A random name for this node. */
export function newNodeName(): string {
  return randomBytes(6).toString('base64url');
}

/** Turns messages of other nodes into events, and keeps guests' copies in step with them. */
export class NodeMessages implements SubscriberHooks {
  readonly #sender: MessageSender;
  readonly #options: NodeMessagesOptions;
  readonly #expiry: string;
  readonly #known = new RecentSet<SessionId>(LEAST_KNOWN);
  #heard = false;
  #isRefused = false;

  constructor(sender: MessageSender, options: NodeMessagesOptions) {
    this.#sender = sender;
    this.#options = options;
    this.#expiry = `__keyevent@${options.database}__:expired`;
  }

  get subscriptions(): Subscriptions {
    return { channel: this.#sender.channel, optional: [this.#expiry] };
  }

  /** An event of this node. */
  note(event: SessionEvent): void {
    if (event.type === 'authenticated') this.#know(event.id, event.previousId);
    else if (event.type === 'regenerated') this.#move(event.id, event.previousId);
    else if (event.type === 'destroyed' || event.type === 'evicted')
      this.#known.delete(event.id as SessionId);
  }

  message(channel: string, text: string): void {
    if (channel === this.#expiry) return this.#expired(text);
    const message = readMessage(text);
    if (message !== undefined && message.node !== this.#sender.node) this.#heardOf(message);
  }

  up(): void {
    // Ends that were published before this may have been missed.
    this.#options.guests?.forgetCopies();
    if (this.#isRefused) this.#options.log.log('Events of other nodes are heard again.');
    this.#isRefused = false;
    if (this.#heard) this.#options.events.emit({ type: 'gap', origin: 'elsewhere' });
    this.#heard = true;
  }

  down(): void {
    this.#known.clear();
    this.#options.guests?.forgetCopies();
  }

  refused(kind: string): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#options.log.warn(
      `Redis refuses SUBSCRIBE (${kind}), so that events of other nodes are not heard, and a guest's logout does not reach ` +
        `the memory of nodes that it does not come to. Sessions work without. To have them, allow the Redis user ` +
        `"&${this.#sender.channel} +subscribe +publish".`,
    );
  }

  #heardOf({ type, id, previousId, principal }: SessionMessage): void {
    const { events, guests, sealed } = this.#options;
    const origin = 'elsewhere';
    const who = sealed ? undefined : principal;
    switch (type) {
      case 'created':
        events.emit({ type, id, origin });
        if (principal === undefined) return;
        this.#know(id, undefined);
        return events.emit({ type: 'authenticated', id, previousId, principal: who, origin });
      case 'authenticated':
        this.#know(id, previousId);
        if (previousId !== undefined) guests?.ended(previousId);
        return events.emit({ type, id, previousId, principal: who, origin });
      case 'regenerated':
        if (previousId === undefined) return;
        this.#move(id, previousId);
        guests?.ended(previousId);
        return events.emit({ type, id, previousId, origin });
      case 'destroyed':
      case 'evicted':
        this.#known.delete(id);
        guests?.ended(id);
        return events.emit({ type, id, origin });
      case 'unknown':
        return void guests?.endIfHeld(id).then((ended) => {
          if (ended) events.emit({ type: 'destroyed', id, origin });
        }, noop);
    }
  }

  /** Only for logins that are known here: of another key it is not known whether a session or a tombstone has expired. */
  #expired(key: string): void {
    const { keyPrefix, events } = this.#options;
    const id = idIn(keyPrefix, key);
    if (id !== undefined && this.#known.delete(id)) events.emit({ type: 'expired', id, origin: 'elsewhere' });
  }

  #know(id: string, previousId: string | undefined): void {
    if (previousId !== undefined) this.#known.delete(previousId as SessionId);
    this.#known.add(id as SessionId);
  }

  #move(id: string, previousId: string): void {
    if (this.#known.delete(previousId as SessionId)) this.#known.add(id as SessionId);
  }
}

function noop(): void {
  // Redis is not there; its copy lives no longer than that allows.
}
