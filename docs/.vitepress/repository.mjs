import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { repository, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

export const VERSION = version;
export const REPOSITORY = (
  repository?.url ?? 'https://github.com/nestjs-redis-session/nestjs-redis-session'
).replace(/^git\+|\.git$/g, '');
