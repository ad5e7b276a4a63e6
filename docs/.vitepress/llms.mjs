import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { REPOSITORY } from './repository.mjs';

/**
 * Writes llms.txt (https://llmstxt.org): what there is and where, and llms-full.txt: all pages in one. Pages are there as Markdown
 * too, under their name.
 *
 * @param {{ docs: string, out: string, groups: ReturnType<import('./navigation.mjs').navigation> }} site
 */
export async function writeLlmsTexts({ docs, out, groups }) {
  const index = [
    '# nestjs-redis-session',
    '',
    '> HTTP sessions for NestJS, kept in Redis: any node serves any request, on Express and on Fastify.',
  ];
  const all = [];
  for (const { title, pages } of groups) {
    index.push('', `## ${title}`, '');
    for (const { name, title: of, description } of pages) {
      const text = await wholeText(join(docs, `${name}.md`));
      index.push(`- [${of}](${name}.md)${description === '' ? '' : `: ${description}`}`);
      all.push(text);
      await writeFile(join(out, `${name}.md`), text);
    }
  }
  await writeFile(join(out, 'llms.txt'), `${index.join('\n')}\n`);
  await writeFile(join(out, 'llms-full.txt'), all.join('\n\n'));
}

/** A page without its head, with what it takes from other files. */
async function wholeText(file) {
  const text = (await readFile(file, 'utf8')).replace(/^---\n[\s\S]*?\n---\n+/, '');
  const parts = text.split(/^(<<< \S+|<!--@include: \S+-->)$/m);
  const whole = parts.map(async (part) => {
    const [, snippet] = /^<<< (\S+)$/.exec(part) ?? [];
    const [, include] = /^<!--@include: (\S+)-->$/.exec(part) ?? [];
    const other = snippet ?? include;
    if (other === undefined) return part;
    const found = await readFile(resolve(dirname(file), other), 'utf8');
    return snippet === undefined ? found : `\`\`\`ts\n${found}\`\`\``;
  });
  return (await Promise.all(whole)).join('').replaceAll('](../', `](${REPOSITORY}/blob/main/`);
}
