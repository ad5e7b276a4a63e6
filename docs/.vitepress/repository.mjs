import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, URL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { repository, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

export const VERSION = version;
export const REPOSITORY = (
  repository?.url ?? 'https://github.com/nestjs-redis-session/nestjs-redis-session'
).replace(/^git\+|\.git$/g, '');

/**
 * Pages link to files of the repository as they lie, which is right where they are read there; the site, which has only the
 * pages, links to the repository.
 *
 * @param {import('markdown-it')} markdown
 */
export function linkToRepository(markdown) {
  markdown.core.ruler.push('link-to-repository', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const target = token.type === 'link_open' ? token.attrGet('href') : undefined;
      if (target?.startsWith('../')) token.attrSet('href', addressOf(target, env.path));
    }
  });
}

function addressOf(target, page) {
  const [path, anchor] = target.split('#');
  const file = resolve(dirname(page), path);
  if (!existsSync(file)) throw new Error(`${page} links to ${target}, which is not there.`);
  const kind = statSync(file).isDirectory() ? 'tree' : 'blob';
  return `${REPOSITORY}/${kind}/main/${relative(ROOT, file)}${anchor === undefined ? '' : `#${anchor}`}`;
}

/**
 * Diagrams stand in the page itself, so that they have the colours of its theme. Read elsewhere, they are pictures.
 *
 * @param {import('markdown-it')} markdown
 */
export function inlineDiagrams(markdown) {
  const { image } = markdown.renderer.rules;
  markdown.renderer.rules.image = (tokens, index, options, env, renderer) => {
    const source = tokens[index].attrGet('src');
    if (!/^(\.\/)?diagrams\/[\w-]+\.svg$/.test(source ?? ''))
      return image(tokens, index, options, env, renderer);
    return readFileSync(resolve(dirname(env.path), source), 'utf8')
      .replace(/<style>[\s\S]*?<\/style>/, '')
      .trim();
  };
}
