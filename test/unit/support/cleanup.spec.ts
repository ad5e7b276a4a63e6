import { existsSync, readFileSync } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';
import { describe, expect, it } from '@jest/globals';
import { cleanUp, onCleanup, tempDir } from '../../support/cleanup.js';
import { startNode } from '../../support/node-process.js';
import { startRedis } from '../../support/redis-server.js';

const support = fileURLToPath(new URL('../../support', import.meta.url));

describe('cleanUp', () => {
  it('runs all, the last one first, also when one fails, and not what was taken back', async () => {
    const ran: string[] = [];
    onCleanup(() => ran.push('first'));
    onCleanup(() => Promise.reject(new Error('broken')));
    onCleanup(() => ran.push('last'));
    onCleanup(() => ran.push('taken back'))();
    await expect(cleanUp()).rejects.toThrow(AggregateError);
    expect(ran).toEqual(['last', 'first']);
  });

  it('ends servers, also paused ones, and removes their directories', async () => {
    const servers = [await startRedis(), await startRedis()];
    servers[1]?.pause();
    await cleanUp();
    for (const { pid, dir } of servers) {
      expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
      await expect(access(dir)).rejects.toThrow(/ENOENT/);
    }
  });
});

describe('what outlives the tests', () => {
  it('is nothing: when their process is killed, its children and directories go too', async () => {
    // The helpers in a process of its own, which is killed in place of this one.
    const home = await tempDir();
    await writeFile(join(home, 'package.json'), '{ "type": "module" }');
    for (const name of ['cleanup', 'child-process']) {
      const { code } = await transformFile(join(support, `${name}.ts`), {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
      });
      await writeFile(join(home, `${name}.js`), code);
    }
    await writeFile(
      join(home, 'main.js'),
      `import { tempDir } from './cleanup.js';
       import { startChild } from './child-process.js';
       const dir = await tempDir();
       const child = await startChild('sleep', ['1000']);
       console.log('has', child.pid, dir);
       setInterval(() => undefined, 1000);`,
    );
    const tests = await startNode(join(home, 'main.js'));
    const [, pid, dir = ''] = await tests.waitFor(/has (\d+) (.+)\n/);
    process.kill(Number(pid), 0);
    await access(dir);

    await tests.kill('SIGKILL');
    await until(() => !isRunning(Number(pid)));
    await until(() => !existsSync(dir));
  });
});

/** Nothing tells when a process that is not ours has ended, so this looks again and again; jest's timeout ends it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(5);
}

function isRunning(pid: number): boolean {
  try {
    // An ended process that nobody has waited for yet is still listed.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
