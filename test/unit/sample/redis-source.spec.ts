import { describe, expect, it } from '@jest/globals';
import { type Machine } from '../../../sample/launcher/machine.js';
import { findRedisSource, type RedisSource } from '../../../sample/launcher/redis-source.js';
import { mayInstall } from '../../../sample/launcher/settings.js';

/** A machine as a test arranges it. */
interface Arranged {
  /** What is on the PATH. */
  readonly programs: readonly string[];
  readonly isRoot?: boolean;
  /** Commands that succeed, by how they begin. */
  readonly answers?: readonly string[];
  /** What each command that is run brings; an error: it fails. */
  readonly brings?: Readonly<Record<string, readonly string[] | Error>>;
}

const APT = 'env DEBIAN_FRONTEND=noninteractive /bin/apt-get';
const UPDATE = `${APT} update -qq`;
const INSTALL = `${APT} install -y -qq --no-install-recommends redis-tools`;
const PULL = '/bin/docker pull --quiet redis:7-alpine';
const DOCKER_RUNS = '/bin/docker version';
const IMAGE_IS_THERE = '/bin/docker image inspect redis:7-alpine';
const DOCKER: RedisSource = { kind: 'docker', docker: '/bin/docker', image: 'redis:7-alpine' };
const TOOLS: RedisSource = {
  kind: 'program',
  program: { path: '/bin/redis-check-rdb', name: 'redis-server' },
};

/** What is found, and in order what was said and done. */
async function search(
  { programs, isRoot = false, answers = [], brings = {} }: Arranged,
  installs = true,
): Promise<{ source: RedisSource; steps: string[] }> {
  const present = new Set(programs);
  const steps: string[] = [];
  const machine: Machine = {
    isRoot,
    find: async (program) => (present.has(program) ? `/bin/${program}` : undefined),
    succeeds: async (...command) => answers.some((answer) => command.join(' ').startsWith(answer)),
    run: async (...command) => {
      steps.push(command.join(' '));
      const brought = brings[command.join(' ')] ?? [];
      if (brought instanceof Error) throw brought;
      for (const program of brought) present.add(program);
    },
    grace: async () => void steps.push('grace'),
    say: (text) => void steps.push(text),
  };
  return { source: await findRedisSource(machine, installs), steps };
}

/** What is said before something is installed or downloaded. */
const told = (what: string): unknown =>
  expect.stringMatching(
    new RegExp(`${what}[^]*To refuse: Ctrl-C, then npm start -- --no-install, or SAMPLE_NO_INSTALL=1`),
  );

describe('where the sample gets a Redis from', () => {
  it.each([
    ['redis-server', 'redis-server'],
    ['valkey-server', 'valkey-server'],
    ['redis-check-rdb', 'redis-server'],
    ['valkey-check-rdb', 'valkey-server'],
  ])('%s on the PATH, started as %s; nothing else is looked at', async (file, name) => {
    const { source, steps } = await search({ programs: [file, 'apt-get', 'docker'], isRoot: true });
    expect(source).toEqual({ kind: 'program', program: { path: `/bin/${file}`, name } });
    expect(steps).toEqual([]);
  });

  it('a server of its proper name before one under the name of a tool', async () => {
    const { source } = await search({ programs: ['redis-check-rdb', 'valkey-server', 'redis-server'] });
    expect(source).toMatchObject({ program: { path: '/bin/redis-server' } });
  });

  it("root: Debian's package, told before, with how to refuse", async () => {
    const { source, steps } = await search({
      programs: ['apt-get', 'docker', 'sudo'],
      isRoot: true,
      answers: [DOCKER_RUNS],
      brings: { [INSTALL]: ['redis-check-rdb'] },
    });
    expect(source).toEqual(TOOLS);
    expect(steps).toEqual([told('redis-tools'), 'grace', UPDATE, INSTALL]);
  });

  it('somebody with a sudo that asks for no password: the same through it', async () => {
    const { source, steps } = await search({
      programs: ['apt-get', 'sudo'],
      answers: ['/bin/sudo -n true'],
      brings: { [`/bin/sudo -n ${INSTALL}`]: ['redis-check-rdb'] },
    });
    expect(source).toEqual(TOOLS);
    expect(steps).toEqual([
      told('apt-get and sudo'),
      'grace',
      `/bin/sudo -n ${UPDATE}`,
      `/bin/sudo -n ${INSTALL}`,
    ]);
  });

  it.each([
    ['no sudo', ['apt-get', 'docker']],
    ['a sudo that asks for a password', ['apt-get', 'sudo', 'docker']],
    ['no apt-get', ['sudo', 'docker']],
  ])('%s: Docker', async (_what, programs) => {
    const { source, steps } = await search({ programs, answers: [DOCKER_RUNS, IMAGE_IS_THERE] });
    expect(source).toEqual(DOCKER);
    expect(steps).toEqual([]);
  });

  it('Docker without the image: downloaded, told before, with how to refuse', async () => {
    const { source, steps } = await search({ programs: ['docker'], answers: [DOCKER_RUNS] });
    expect(source).toEqual(DOCKER);
    expect(steps).toEqual([told('redis:7-alpine'), 'grace', PULL]);
  });

  it('an installation that fails: Docker', async () => {
    const { source } = await search({
      programs: ['apt-get', 'docker'],
      isRoot: true,
      answers: [DOCKER_RUNS, IMAGE_IS_THERE],
      brings: { [UPDATE]: new Error('env exited with code 100') },
    });
    expect(source).toEqual(DOCKER);
  });

  it('nothing is there: none', async () => {
    expect((await search({ programs: [] })).source).toEqual({ kind: 'none', reasons: [] });
  });

  it('nothing works: none, with each reason', async () => {
    const asUser = await search({ programs: ['apt-get', 'docker'] });
    expect(asUser).toEqual({
      source: {
        kind: 'none',
        reasons: [
          'installing it takes root, or a sudo that asks for no password',
          'docker is there and does not run, or not for this user',
        ],
      },
      steps: [],
    });
    const { source } = await search({
      programs: ['apt-get', 'docker'],
      isRoot: true,
      answers: [DOCKER_RUNS],
      brings: { [PULL]: new Error('docker exited with code 1') },
    });
    expect(source).toEqual({
      kind: 'none',
      reasons: [
        'redis-tools is installed, and brought no server that is on the PATH',
        'the image redis:7-alpine could not be downloaded: docker exited with code 1',
      ],
    });
  });

  it('refused: nothing is installed or downloaded', async () => {
    const programs = ['apt-get', 'docker', 'sudo'];
    const { source, steps } = await search({ programs, isRoot: true, answers: [DOCKER_RUNS] }, false);
    expect(source).toEqual({
      kind: 'none',
      reasons: ['nothing is to be installed', 'the image redis:7-alpine is not to be downloaded'],
    });
    expect(steps).toEqual([]);
    const withImage = await search({ programs, isRoot: true, answers: [DOCKER_RUNS, IMAGE_IS_THERE] }, false);
    expect(withImage).toEqual({ source: DOCKER, steps: [] });
  });

  it.each([UPDATE, INSTALL, PULL])('called off during %s: nothing else is tried', async (command) => {
    const abort = Object.assign(new Error('called off'), { name: 'AbortError' });
    const searched = search({
      programs: command === PULL ? ['docker'] : ['apt-get', 'docker'],
      isRoot: true,
      answers: [DOCKER_RUNS],
      brings: { [command]: abort },
    });
    await expect(searched).rejects.toBe(abort);
  });
});

describe('what the settings say of it', () => {
  it.each([
    [{}, [], true],
    [{ SAMPLE_NO_INSTALL: '' }, [], true],
    [{ SAMPLE_NO_INSTALL: 'false' }, [], true],
    [{ SAMPLE_NO_INSTALL: '1' }, [], false],
    [{}, ['--no-install'], false],
  ])('%j with %j: may install %s', (settings, args, expected) => {
    expect(mayInstall(settings, args)).toBe(expected);
  });

  it('an argument that is not known is told', () => {
    expect(() => mayInstall({}, ['--no-instal'])).toThrow(/--no-instal/);
  });
});
