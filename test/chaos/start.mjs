// `npm run chaos`. Node 20 reads no TypeScript: compile lib and the test tree, then go on in there.
import { compileTree } from '../support/compile-tree.mjs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL, URL } from 'node:url';

const tree = await mkdtemp(join(tmpdir(), 'redis-session-chaos-'));
// The sample's balancer is one of those that nodes are rolled behind.
await compileTree(tree, ['test', 'sample/launcher']);
const { main } = await import(pathToFileURL(join(tree, 'test/chaos/main.js')).href);
const page = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));
// A row that hung was given up, not ended: what it left would keep this process alive.
process.exit(await main(process.argv.slice(2), { tree, page, compileTree }));
