import type { Redis } from 'ioredis';

/**
 * From a command that is late to the end of a connection on which nothing comes from then on, either: long enough that most
 * servers which are only slow are not left, short enough that few more commands find the connection half open.
 */
export function graceMs(timeoutMs: number): number {
  return Math.min(250, timeoutMs);
}

/**
 * Ends the connection of a client, which then opens another one, where no byte comes though an answer is due: nothing else
 * notices one that is half open. ioredis's socketTimeout does that too, with a timer and a listener for each reply,
 * which is 3 to 6 % of a request; this costs nothing until a command is late.
 */
export class StallDetector {
  readonly #client: Redis;
  readonly #timeoutMs: number;
  #suspected = false;

  /** @param timeoutMs How long a command may take. */
  constructor(client: Redis, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    client.on('connect', () => this.#watchHandshake());
  }

  /** A command was not answered in time. */
  suspect(): void {
    if (this.#suspected || this.#client.status !== 'ready') return;
    this.#suspected = true;
    this.#endIfSilent(graceMs(this.#timeoutMs), () => (this.#suspected = false));
  }

  /** ioredis sends commands of its own before it is ready, for as long as a server loads its data. */
  #watchHandshake(): void {
    this.#endIfSilent(this.#timeoutMs + graceMs(this.#timeoutMs), (ended) => {
      if (!ended && this.#client.status === 'connect') this.#watchHandshake();
    });
  }

  #endIfSilent(milliseconds: number, then: (ended: boolean) => void): void {
    const { stream } = this.#client;
    const seen = stream.bytesRead;
    const judge = (): void => {
      const isSilent = stream.bytesRead === seen;
      if (isSilent) stream.destroy(new Error(`no byte for ${milliseconds} ms though an answer was due`));
      then(isSilent);
    };
    // After the process was stuck, its timers fire before it reads what has long been in its sockets.
    setTimeout(() => setImmediate(judge), milliseconds).unref();
  }
}
