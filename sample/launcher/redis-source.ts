import { type Machine } from './machine.js';

/** A program that is a Redis server. */
export interface ServerProgram {
  readonly path: string;
  /** The name it is started by: one program is several, and looks at its name to know which. */
  readonly name: string;
}

/** What a Redis of this run's own can be made with; `none`: nothing, with why. */
export type RedisSource =
  | { readonly kind: 'program'; readonly program: ServerProgram }
  | { readonly kind: 'docker'; readonly docker: string; readonly image: string }
  | { readonly kind: 'none'; readonly reasons: readonly string[] };

/**
 * Programs that serve, by the names they are found and started by. The last two are the server itself under the name of
 * one of its tools, which is all that Debian's redis-tools and valkey-tools install of it.
 */
const PROGRAMS = [
  ['redis-server', 'redis-server'],
  ['valkey-server', 'valkey-server'],
  ['redis-check-rdb', 'redis-server'],
  ['valkey-check-rdb', 'valkey-server'],
] as const;

/** The program without the service that Debian's redis-server sets up, which would run and start at boot from then on. */
const PACKAGE = 'redis-tools';
const IMAGE = 'redis:7-alpine';
const REFUSAL = 'npm start -- --no-install, or SAMPLE_NO_INSTALL=1 npm start';

/**
 * Finds something to make a Redis with: a program on the PATH; else Debian's package, installed where this process may;
 * else Docker. What is installed or downloaded is told before, with how to refuse.
 *
 * @param mayInstall False: nothing is installed, and no image is downloaded.
 */
export async function findRedisSource(machine: Machine, mayInstall: boolean): Promise<RedisSource> {
  const present = await findProgram(machine);
  if (present !== undefined) return { kind: 'program', program: present };
  const reasons: string[] = [];
  return (
    (await fromDebian(machine, mayInstall, reasons)) ??
    (await fromDocker(machine, mayInstall, reasons)) ?? { kind: 'none', reasons }
  );
}

async function findProgram(machine: Machine): Promise<ServerProgram | undefined> {
  for (const [file, name] of PROGRAMS) {
    const path = await machine.find(file);
    if (path !== undefined) return { path, name };
  }
  return undefined;
}

async function fromDebian(
  machine: Machine,
  mayInstall: boolean,
  reasons: string[],
): Promise<RedisSource | undefined> {
  const aptGet = await machine.find('apt-get');
  if (aptGet === undefined) return undefined;
  if (!mayInstall) {
    reasons.push('nothing is to be installed');
    return undefined;
  }
  const sudo = machine.isRoot ? undefined : await passwordlessSudo(machine);
  if (!machine.isRoot && sudo === undefined) {
    reasons.push('installing it takes root, or a sudo that asks for no password');
    return undefined;
  }
  machine.say(
    `There is no redis-server on the PATH. Debian's package ${PACKAGE} is installed now, by apt-get${sudo === undefined ? '' : ' and sudo'}: ` +
      'programs, no service.\n' +
      `  To refuse: Ctrl-C, then ${REFUSAL}`,
  );
  await machine.grace();
  const [command = aptGet, ...before] = [
    ...(sudo === undefined ? [] : [sudo, '-n']),
    ...['env', 'DEBIAN_FRONTEND=noninteractive', aptGet],
  ];
  try {
    await machine.run(command, ...before, 'update', '-qq');
    await machine.run(command, ...before, 'install', '-y', '-qq', '--no-install-recommends', PACKAGE);
  } catch (error) {
    reasons.push(`${PACKAGE} could not be installed: ${failure(error)}`);
    return undefined;
  }
  const program = await findProgram(machine);
  if (program !== undefined) return { kind: 'program', program };
  reasons.push(`${PACKAGE} is installed, and brought no server that is on the PATH`);
  return undefined;
}

async function passwordlessSudo(machine: Machine): Promise<string | undefined> {
  const sudo = await machine.find('sudo');
  return sudo !== undefined && (await machine.succeeds(sudo, '-n', 'true')) ? sudo : undefined;
}

async function fromDocker(
  machine: Machine,
  mayInstall: boolean,
  reasons: string[],
): Promise<RedisSource | undefined> {
  const docker = await machine.find('docker');
  if (docker === undefined) return undefined;
  if (!(await machine.succeeds(docker, 'version', '--format', '{{.Server.Version}}'))) {
    reasons.push('docker is there and does not run, or not for this user');
    return undefined;
  }
  if (!(await machine.succeeds(docker, 'image', 'inspect', IMAGE))) {
    if (!mayInstall) {
      reasons.push(`the image ${IMAGE} is not to be downloaded`);
      return undefined;
    }
    machine.say(
      `There is no redis-server on the PATH. Docker downloads the image ${IMAGE} now, and keeps it.\n` +
        `  To refuse: Ctrl-C, then ${REFUSAL}`,
    );
    await machine.grace();
    try {
      await machine.run(docker, 'pull', '--quiet', IMAGE);
    } catch (error) {
      reasons.push(`the image ${IMAGE} could not be downloaded: ${failure(error)}`);
      return undefined;
    }
  }
  return { kind: 'docker', docker, image: IMAGE };
}

/** What to tell of a command that failed. One that was called off is no failure: nothing else is tried then. */
function failure(error: unknown): string {
  if (error instanceof Error && error.name !== 'AbortError') return error.message;
  throw error;
}
