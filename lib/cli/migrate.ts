#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { resolveSettings } from '../config/resolve.js';
import { createRedisLink } from '../redis/link.js';
import { DESTROY } from '../stores/redis/scripts.js';
import { countOldSessions, linesOf } from './count.js';

const USAGE = `Usage: nestjs-redis-session-migrate --dry-run [options]

Counts the sessions of express-session or @fastify/session that an application with migrateFrom would take over.
Nothing is changed: sessions are taken over by the application, each at its next request.

  --dry-run            say so, since nothing else is offered
  --library <name>     expressSession (default) or fastifySession
  --prefix <text>      what the library's keys begin with (default sess:)
  --principal <path>   where a session says who is logged in (default passport.user)
  --help

Where Redis is comes from the environment, as for the application: REDIS_SESSION_URL, REDIS_SESSION_HOST, _PORT,
_USERNAME, _PASSWORD, REDIS_SESSION_CLUSTER_ID … Secrets have no option here, since others see the arguments of a process.`;

const OPTIONS = {
  'dry-run': { type: 'boolean', default: false },
  library: { type: 'string', default: 'expressSession' },
  prefix: { type: 'string', default: 'sess:' },
  principal: { type: 'string', default: 'passport.user' },
  help: { type: 'boolean', default: false },
} as const;

/** Something wrong with the arguments. */
class UsageError extends Error {}

/** What a path of names leads to in a session, where that is text or a number. */
function principalAt(path: string): (session: Record<string, unknown>) => string | number | undefined {
  return (session) => {
    let value: unknown = session;
    for (const name of path.split('.')) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Record<string, unknown>)[name];
    }
    return typeof value === 'string' || typeof value === 'number' ? value : undefined;
  };
}

function argumentsOf(args: string[]): { [Name in keyof typeof OPTIONS]: string | boolean } {
  try {
    return parseArgs({ args, options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(wrongWith(error));
  }
}

/** Node's message repeats what was given, which may be a secret that does not belong there. */
function wrongWith(error: unknown): string {
  const { message = '', code }: Partial<NodeJS.ErrnoException> = error instanceof Error ? error : {};
  const name = /'(--?[\w-]+)/.exec(message)?.[1];
  if (name === undefined) return 'An argument is not known.';
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return `The option ${name} is not known.`;
  const { type } = OPTIONS[name.slice(2) as keyof typeof OPTIONS];
  return type === 'boolean'
    ? `The option ${name} takes no value.`
    : `The option ${name} needs a value; one that begins with a dash is given as ${name}=-….`;
}

async function run(args: string[]): Promise<void> {
  const given = argumentsOf(args);
  if (given.help === true) return print(USAGE);
  const library = String(given.library);
  if (library !== 'expressSession' && library !== 'fastifySession')
    throw new UsageError('--library must be expressSession or fastifySession.');
  if (given['dry-run'] !== true)
    throw new UsageError(
      'Only --dry-run is offered: sessions are taken over by the application that has migrateFrom.',
    );
  const settings = resolveSettings({}, (name) =>
    name === 'REDIS_SESSION_ENABLED' ? 'true' : process.env[name],
  );
  const { redis, keyPrefix, maxSessionBytes, idleTimeoutSeconds } = settings;
  const tell = (message: string): void => void process.stderr.write(`${message}\n`);
  const log = { log: () => undefined, debug: () => undefined, warn: tell };
  const link = createRedisLink({ ...redis, startup: 'fail' }, { keyPrefix, end: DESTROY }, log);
  try {
    await link.connect();
    const prefix = String(given.prefix);
    const principal = principalAt(String(given.principal));
    const honoursExpiry = library === 'fastifySession';
    const count = await countOldSessions(link.executor, {
      library: { library, prefix, principal, honoursExpiry },
      ...{ keyPrefix, maxSessionBytes, idleTimeoutSeconds },
    });
    print([...linesOf(count), 'Nothing was changed.'].join('\n'));
  } finally {
    await link.close();
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'unknown failure'}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
