import type { ResponseContext, SessionEnvironment } from './environment.js';
import type { OperationQueue } from './operation-queue.js';
import { assertCookieCanLeave } from './session-assertions.js';
import type { SessionState } from './session-state.js';
import { SessionWriter } from './session-writer.js';

/** What the saves of one session share. */
export interface SessionSaverContext {
  readonly environment: SessionEnvironment;
  readonly client: ResponseContext | undefined;
  readonly state: SessionState;
  readonly queue: OperationQueue;
}

/** Saves before the request ends: those that somebody asks for, and those that a policy asks for at a change. */
export class SessionSaver {
  readonly writer: SessionWriter;
  readonly #context: SessionSaverContext;
  #scheduled = false;

  constructor(context: SessionSaverContext, isAuthenticated: () => boolean) {
    this.#context = context;
    const { environment, client, state } = context;
    this.writer = new SessionWriter(environment, client, state, isAuthenticated);
  }

  /** Writes at once, out of turn: see {@link SessionWriter.write}. */
  async write(force: boolean, why: string): Promise<void> {
    const { client, state } = this.#context;
    const difference = state.attributes.difference();
    if (state.phase === 'new' && difference !== undefined) assertCookieCanLeave(client, 'save a new session');
    await this.writer.write(force, why, difference);
  }

  /** Whether a change of this attribute waits to be saved. */
  isPending(name: string): boolean {
    const difference = this.#context.state.attributes.difference();
    return difference !== undefined && (difference.set.has(name) || difference.remove.includes(name));
  }

  /** Something was set or deleted: where each change is to be saved, a write begins. */
  noticeChange(): void {
    if (!this.#context.environment.rules.saveOnChange || this.#scheduled) return;
    this.#scheduled = true;
    // Not at once: the assignments of one tick are one write.
    queueMicrotask(() => {
      this.#scheduled = false;
      this.writeInBackground(false);
    });
  }

  /** A write nobody awaits. What fails stays pending; the commit of the request tries it again and reports it. */
  writeInBackground(force: boolean): void {
    const { environment, queue, state } = this.#context;
    const why = force ? 'persist on demand was asked for' : 'an attribute changed';
    queue
      .run(() => this.write(force, why))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : 'unknown failure';
        const kind = `background ${error instanceof Error ? error.name : ''}`;
        environment.log.warn(`Session ${state.id}: a save in the background failed: ${message}`, kind);
      });
  }
}
