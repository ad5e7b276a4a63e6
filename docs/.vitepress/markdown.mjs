import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { REPOSITORY, ROOT } from './repository.mjs';

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
      if (target?.startsWith('../') && leavesDocs(target, env.path))
        token.attrSet('href', addressOf(target, env.path));
    }
  });
}

function leavesDocs(target, page) {
  return relative(join(ROOT, 'docs'), resolve(dirname(page), target)).startsWith('..');
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

/**
 * Long names may be broken between their words, and nowhere else: settings stand in narrow columns.
 *
 * @param {import('markdown-it')} markdown
 */
export function breakNames(markdown) {
  const { code_inline: code } = markdown.renderer.rules;
  markdown.renderer.rules.code_inline = (...given) =>
    code(...given)
      .replaceAll(/(?<=\w)_(?=\w)/g, '_<wbr>')
      .replaceAll(/[a-zA-Z]{25,}/g, (name) => name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '<wbr>'));
}
