import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { interceptFirst, isGateway } from '../../compat/websockets.js';
import { httpExceptionOf } from '../session.exceptions.js';
import { socketError } from './denial.js';
import { messageOf, within, type Message } from './message.js';

/**
 * Around each handler of a gateway: whoever asks for the session in it gets that of this message, and what the handler
 * changed is saved before its answer leaves. It knows no application: one serves all of a process.
 */
class MessageInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType<string>() !== 'ws') return next.handle();
    const message = messageOf(context.getArgByIndex<object>(0), context.getArgs<unknown[]>());
    const values = within(message, () => next.handle());
    return new Observable((to) => {
      const saving = new SavedFirst(to, message);
      within(message, () => saving.follow(values));
      return () => saving.leave();
    });
  }
}

const INTERCEPTOR = new MessageInterceptor();

/**
 * Puts the interceptor around the gateways of an application, before Nest connects them: where the global one does not reach
 * (Nest 11, `globalInterceptor: false`), and where it would come too late, within interceptors of their own.
 */
export function interceptGateways(modules: ModulesContainer): void {
  for (const { providers } of modules.values()) {
    for (const { metatype } of providers.values()) {
      if (typeof metatype === 'function' && isGateway(metatype)) interceptFirst(metatype, INTERCEPTOR);
    }
  }
}

/** Passes a handler's answers on in order, each after what was changed until then is saved. */
class SavedFirst {
  readonly #to: Subscriber<unknown>;
  readonly #message: Message;
  #values: Subscription | undefined;
  #turn: Promise<void> = Promise.resolve();
  /** The handler has returned, or its observable has begun. */
  #hasBegun = false;
  #hasLeft = false;

  constructor(to: Subscriber<unknown>, message: Message) {
    this.#to = to;
    this.#message = message;
  }

  follow(values: Observable<unknown>): void {
    this.#values = values.subscribe({
      next: (value) => {
        this.#inTurn(
          () => this.#message.commit(),
          () => this.#to.next(value),
        );
        this.#hasBegun = true;
        if (this.#hasLeft) this.#stop();
      },
      error: (error: unknown) => {
        this.#inTurn(
          () => this.#message.commitAfterError(),
          () => void this.#fail(error),
        );
        this.#end();
      },
      complete: () => {
        this.#inTurn(
          () => this.#message.commit(),
          () => this.#to.complete(),
        );
        this.#end();
      },
    });
  }

  /** The client has left. A handler that is under way goes on, and what it changes is saved all the same. */
  leave(): void {
    this.#hasLeft = true;
    if (this.#hasBegun) this.#stop();
  }

  #stop(): void {
    this.#values?.unsubscribe();
    this.#end();
  }

  #end(): void {
    this.#hasBegun = true;
    void this.#turn.then(() => this.#message.end());
  }

  #inTurn(commit: () => Promise<void> | undefined, then: () => void): void {
    this.#turn = this.#turn.then(commit).then(then, (error: unknown) => this.#fail(error));
  }

  async #fail(error: unknown): Promise<void> {
    const exception = httpExceptionOf(error);
    this.#to.error(exception === undefined ? error : await socketError(exception));
  }
}
