import type { BrowserResponse } from '../../support/cookie-jar.js';

/** What a request did. */
export interface Visited<R> {
  readonly response: BrowserResponse;
  readonly result: R;
}

/** Handlers that a test gives for one request each, which carries the name of its own. */
export class Visits<Args extends readonly unknown[]> {
  readonly #handlers = new Map<string, (...args: Args) => unknown>();
  #count = 0;

  /** The handler of the request that carries this name. */
  handler(name: unknown): ((...args: Args) => unknown) | undefined {
    return this.#handlers.get(String(name));
  }

  /** One request, with `use` as its handler. Rejects with what that threw, or when the answer is no success. */
  async visit<R>(
    use: (...args: Args) => R | Promise<R>,
    send: (name: string) => Promise<BrowserResponse>,
  ): Promise<Visited<R>> {
    const name = String((this.#count += 1));
    const outcome: { result?: R; error?: unknown } = {};
    this.#handlers.set(name, async (...args) => {
      try {
        return (outcome.result = await use(...args));
      } catch (error) {
        outcome.error = error;
        throw error;
      }
    });
    const response = await send(name);
    this.#handlers.delete(name);
    if ('error' in outcome) throw outcome.error;
    if (response.status !== 200) throw new Error(`A visit was answered ${response.status}: ${response.text}`);
    return { response, result: outcome.result as R };
  }
}
