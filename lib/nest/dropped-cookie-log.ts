import type { LogClock } from './rejection-log.js';

/** Milliseconds between two lines: a client can provoke as many of these cookies as it likes. */
const INTERVAL_MS = 60_000;

const MESSAGE =
  'A Secure session cookie was sent over plain HTTP, where browsers drop it: a login never sticks. Serve the application ' +
  "over HTTPS. Where a proxy in front does that, tell Nest to trust it (Express: app.set('trust proxy', 1), Fastify: " +
  'new FastifyAdapter({ trustProxy: true })). Where there is none, set REDIS_SESSION_COOKIE_SECURE=auto, and ' +
  'REDIS_SESSION_COOKIE_NAME without the prefix __Host- or __Secure-.';

/** Tells the operator of session cookies that browsers drop, once a minute at most. */
export class DroppedCookieLog {
  readonly #log: { warn(message: string): void };
  readonly #clock: Pick<LogClock, 'now'>;
  #toldAt = -Infinity;

  constructor(log: { warn(message: string): void }, clock: Pick<LogClock, 'now'>) {
    this.#log = log;
    this.#clock = clock;
  }

  readonly note = (): void => {
    const now = this.#clock.now();
    if (now - this.#toldAt < INTERVAL_MS) return;
    this.#toldAt = now;
    this.#log.warn(MESSAGE);
  };
}
