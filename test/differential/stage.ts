import type { IncomingMessage, ServerResponse } from 'node:http';
import { turns } from './patience.js';
import { perform } from './perform.js';
import type { Bag, Exchange, Scene } from './scene.js';

/** Where requests of programs go; the framework's part is in its target. */
export const PROGRAM_PATH = '/program';

/** One application's side of the programs: which one is on, and the requests around it. */
export class Stage {
  #scene: Scene | undefined;
  #answerBefore: (() => void) | undefined;
  #beforeMayBeAnswered = false;
  /** Answers of others on the connection that have come to their end. */
  readonly answered = new Set<string>();

  enter(scene: Scene | undefined): void {
    this.#scene = scene;
    this.#answerBefore = undefined;
    this.#beforeMayBeAnswered = false;
    this.answered.clear();
  }

  get scene(): Scene | undefined {
    return this.#scene;
  }

  /** Answers the request that came before the program's, now or as soon as it comes. */
  answerBefore(): void {
    this.#beforeMayBeAnswered = true;
    this.#answerBefore?.();
  }

  /** Answers a request that is not a program's. False: it is one. */
  answersOther(request: IncomingMessage, response: ServerResponse): boolean {
    const { url = '' } = request;
    if (url.startsWith(PROGRAM_PATH)) return false;
    response.once('finish', () => this.answered.add(url));
    const answer = (): void => void response.end(url);
    if (url !== '/before' || this.#beforeMayBeAnswered) answer();
    else this.#answerBefore = answer;
    return true;
  }

  /** Runs the program that is on. Rejects as its handler would. */
  async play(exchange: Exchange): Promise<void> {
    const scene = this.#scene;
    if (scene === undefined) throw new Error('No program is on.');
    scene.begin(exchange);
    // From the same place in the event loop: an interceptor calls handlers from a promise, where ticks come later.
    await turns(1);
    try {
      await perform(scene);
    } finally {
      scene.settled = true;
    }
  }
}

/** What a seed request does: a session that has something. */
export function seed(session: Bag): void {
  session.start = [1, 2, 3];
}
