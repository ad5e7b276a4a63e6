import { beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '../support/child-process.js';
import { tempDir } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { startNode, type NodeProcess } from '../support/node-process.js';

/** Built by test/run, and by whoever runs the other tests of the sample. */
const START = fileURLToPath(new URL('../../sample/dist/start.js', import.meta.url));
const READY = /Ctrl-C stops everything/;

/** The machine that a launcher finds: what is on its PATH, and a temp folder of its own. */
interface BareMachine {
  readonly bin: string;
  readonly temp: string;
  /** Marks each process that the launcher starts, and what those start. */
  readonly mark: string;
}

let machine: BareMachine;
beforeEach(async () => {
  machine = { bin: await tempDir(), temp: await tempDir(), mark: randomUUID() };
  // The least that any system has.
  for (const tool of ['env', 'sh', 'cat', 'rm', 'ln', 'sleep']) await link(tool, tool);
});

/** The machine's own program, under a name of its own. */
async function link(program: string, name: string): Promise<void> {
  await symlink(pathOf(program), join(machine.bin, name));
}

function pathOf(program: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`This machine has no ${program}.`);
  return found;
}

/** A program that is a shell script. It notes how it was called. */
async function script(name: string, body: string): Promise<void> {
  const file = join(machine.bin, name);
  await writeFile(file, `#!/bin/sh\necho "${name} $*" >> "${callsFile()}"\n${body}\n`);
  await chmod(file, 0o755);
}

const callsFile = (): string => join(machine.bin, 'calls');
const calls = async (): Promise<string[]> => (await readFile(callsFile(), 'utf8')).trim().split('\n');

function start(env: Record<string, string> = {}, args: readonly string[] = []): Promise<NodeProcess> {
  const { bin, temp, mark } = machine;
  return startNode(START, {
    args,
    env: { PORT: '0', PATH: bin, TMPDIR: temp, SAMPLE_TEST_MARK: mark, ...env },
  });
}

async function open(launcher: NodeProcess): Promise<Browser> {
  const [, port] = await launcher.waitFor(/open: http:\/\/localhost:(\d+)[\s\S]*Ctrl-C/);
  return new Browser(`http://127.0.0.1:${port}`);
}

/** What runs of all that the launcher has started. Needs /proc. */
async function running(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    // It may have ended by now.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    // A server of Redis writes its title over its environment, and works in the folder of its data.
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    const isOfIts = [machine.bin, machine.temp].some((made) => folder.startsWith(made));
    if (!environment.includes(machine.mark) && !isOfIts) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command !== '') found.push(command.replaceAll('\0', ' '));
  }
  return found;
}

/** The guards of the launcher end by themselves, a moment after it. */
async function nothingIsLeft(): Promise<void> {
  await eventually('all processes have ended', async () =>
    (await running()).length === 0 ? true : undefined,
  );
  expect(await readdir(machine.temp)).toEqual([]);
}

const APT_OF_DEBIAN = (): string =>
  // Of redis-tools the server is there, under the name of the tool that it is as well.
  `case "$*" in *redis-tools*) ln -s "${pathOf('redis-server')}" "${machine.bin}/redis-check-rdb";; esac`;

const DOCKER = (): string => `
case "$1" in
  version) exit 0;;
  image) test -e "${machine.bin}/image";;
  pull) echo > "${machine.bin}/image";;
  run)
    while [ "$1" != --publish ]; do shift; done
    address=$2
    while [ "$1" != redis-server ]; do shift; done
    shift
    port=\${address#*:}
    echo "$$" > "${machine.bin}/container"
    exec "${pathOf('redis-server')}" --dir "${machine.bin}" --bind 127.0.0.1 --port "\${port%:*}" "$@";;
  # Whoever was killed leaves it running, and only this ends it.
  rm) read -r pid < "${machine.bin}/container" && kill -9 "$pid" 2> /dev/null;;
esac`;

describe('npm start on a bare machine', () => {
  it("installs Debian's package, having said so, and runs two nodes on it", async () => {
    await script('apt-get', APT_OF_DEBIAN());
    await script('sudo', 'shift; exec "$@"');
    const launcher = await start();
    const browser = await open(launcher);
    const output = launcher.output();
    expect(output.indexOf('redis-tools is installed now')).toBeGreaterThanOrEqual(0);
    expect(output.indexOf('redis-tools is installed now')).toBeLessThan(output.indexOf('The shop is open'));
    expect(output).toContain('npm start -- --no-install');
    expect((await calls()).filter((call) => call.startsWith('apt-get'))).toEqual([
      'apt-get update -qq',
      'apt-get install -y -qq --no-install-recommends redis-tools',
    ]);
    expect(output).toMatch(/Redis: a private one, port \d+, pid \d+/);
    expect((await browser.get('/status')).text).toContain('REDIS_SESSION_ENABLED: true');
    expect(output).toContain('node-b: port');
    await launcher.kill('SIGINT');
    await nothingIsLeft();
  });

  it.each([
    ['SIGINT', '--no-install', {}, ['--no-install']],
    ['SIGTERM', 'SAMPLE_NO_INSTALL', { SAMPLE_NO_INSTALL: '1' }, []],
  ] as const)(
    'installs and downloads nothing where that is refused (%s, %s)',
    async (signal, _by, env, args) => {
      await script('apt-get', APT_OF_DEBIAN());
      await script('docker', DOCKER());
      const launcher = await start(env, args);
      await open(launcher);
      expect(launcher.output()).toContain('Memory mode: no setting names a Redis');
      expect(launcher.output()).toContain('nothing is to be installed');
      expect((await calls()).filter((call) => /^apt-get|pull|run/.test(call))).toEqual([]);
      await launcher.kill(signal);
      await nothingIsLeft();
    },
  );

  it('has Docker run one, having said what it downloads, and removes container and volume', async () => {
    await script('docker', DOCKER());
    const launcher = await start();
    await open(launcher);
    const [, port, name = ''] = /private one, port (\d+), container (\S+),/.exec(launcher.output()) ?? [];
    expect(launcher.output()).toContain(`docker exec ${name} redis-cli --scan`);
    expect(launcher.output()).toContain('Docker downloads the image redis:7-alpine now');
    expect(launcher.output()).toContain('node-b: port');
    expect(await launcher.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(await calls()).toEqual([
      'docker version --format {{.Server.Version}}',
      'docker image inspect redis:7-alpine',
      'docker pull --quiet redis:7-alpine',
      `docker run --rm --name ${name} --publish 127.0.0.1:${port}:6379 --volume ${name}:/data redis:7-alpine ` +
        'redis-server --save  --appendonly yes',
      `docker rm --force --volumes ${name}`,
      `docker volume rm --force ${name}`,
    ]);
    await nothingIsLeft();
  });

  it('has the container removed when it is killed without a word', async () => {
    await script('docker', DOCKER());
    const launcher = await start();
    await open(launcher);
    const [, name = ''] = /container (\S+),/.exec(launcher.output()) ?? [];
    launcher.signal('SIGKILL');
    await eventually('container and volume are removed', async () =>
      (await calls()).slice(-2).join() ===
      `docker rm --force --volumes ${name},docker volume rm --force ${name}`
        ? true
        : undefined,
    );
    await nothingIsLeft();
  });

  it('stops in order when nobody reads what it prints any more', async () => {
    await link('redis-server', 'redis-server');
    const { bin, temp, mark } = machine;
    const shell = await startChild(
      'sh',
      ['-c', `"${process.execPath}" "${START}" | (read -r line && echo "$line")`],
      {
        env: { PORT: '0', PATH: bin, TMPDIR: temp, SAMPLE_TEST_MARK: mark },
      },
    );
    await shell.exited;
    expect(shell.output()).toContain('[node-');
    expect(shell.output()).not.toContain('EPIPE');
    await nothingIsLeft();
  });

  it('says which argument it does not know', async () => {
    const launcher = await start({}, ['--no-instal']);
    expect(await launcher.exited).toMatchObject({ code: 1 });
    expect(launcher.output()).toContain("'--no-instal'");
    await nothingIsLeft();
  });
});

/** What does not end by itself while a test runs; but where nobody ends it, it does. */
const FOREVER = 'n=0; while [ $n -lt 6000 ]; do sleep 0.05; n=$((n + 1)); done';

describe.each(['SIGINT', 'SIGTERM'] as const)('%s while it starts leaves nothing', (signal) => {
  async function stops(launcher: NodeProcess): Promise<void> {
    launcher.signal(signal);
    expect(await launcher.exited).toEqual({ code: 0, signal: null });
    expect(launcher.output()).toContain('Stopped.');
    expect(launcher.output()).not.toMatch(/Memory mode|shop is open/);
    await nothingIsLeft();
  }

  it.each([
    ['apt-get update', 'update'],
    ['apt-get install', 'install'],
  ])('during %s, which is interrupted and waited for', async (_what, step) => {
    const wait = `trap 'echo "${step} is interrupted"; exit 130' INT; echo "${step} runs"; ${FOREVER}`;
    await script('apt-get', `case "$1" in ${step}) ${wait};; esac`);
    await script('sudo', 'shift; exec "$@"');
    await script('docker', DOCKER());
    const launcher = await start();
    await launcher.waitFor(new RegExp(`${step} runs`));
    await stops(launcher);
    expect(launcher.output()).toContain(`${step} is interrupted`);
    expect((await calls()).filter((call) => call.startsWith('docker'))).toEqual([]);
  });

  it('while its Redis starts', async () => {
    await link('redis-server', 'redis-server');
    const launcher = await start();
    await eventually('the folder of its data is there', async () =>
      (await readdir(machine.temp)).length > 0 ? true : undefined,
    );
    await stops(launcher);
  });

  it('while a Redis starts that never gets ready', async () => {
    await script('redis-server', `echo "slow"; ${FOREVER}`);
    const launcher = await start();
    await eventually('it was started', async () => (existsSync(callsFile()) ? true : undefined));
    await stops(launcher);
  });

  it('while the nodes start', async () => {
    await link('redis-server', 'redis-server');
    const launcher = await start();
    await eventually('a node is there', async () =>
      (await running()).some((command) => command.includes('main.js')) ? true : undefined,
    );
    await stops(launcher);
  });

  it('and so it does once all runs', async () => {
    await link('redis-server', 'redis-server');
    const launcher = await start();
    await launcher.waitFor(READY);
    launcher.signal(signal);
    expect(await launcher.exited).toEqual({ code: 0, signal: null });
    await nothingIsLeft();
  });
});
