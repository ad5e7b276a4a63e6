/**
 * Looks whether every link, anchor and picture of the built site leads to something in it. VitePress itself knows no anchors. Links to
 * elsewhere are not followed: those to the repository are checked when the page is made.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';

const SITE = fileURLToPath(new URL('../.vitepress/dist', import.meta.url));
const BASE = process.env.DOCS_BASE ?? '/';

const files = new Set(readdirSync(SITE, { recursive: true, withFileTypes: true }).flatMap(filePath));
const pages = new Map(
  [...files]
    .filter((file) => file.endsWith('.html'))
    .map((file) => [file, pageOf(readFileSync(join(SITE, file), 'utf8'))]),
);
const dead = [...pages].flatMap(([file, { links }]) =>
  links.filter((link) => isDead(file, link)).map((link) => `${file}: ${link}`),
);
for (const line of dead) console.error(`Leads nowhere: ${line}`);
const count = [...pages.values()].reduce((sum, { links }) => sum + links.length, 0);
console.log(`${count} links of ${pages.size} pages, ${dead.length} of them dead.`);
process.exitCode = dead.length === 0 && pages.size > 20 ? 0 : 1;

function filePath(entry) {
  return entry.isFile() ? [relative(SITE, join(entry.parentPath, entry.name))] : [];
}

function pageOf(html) {
  const values = (pattern) => [...html.matchAll(pattern)].map(([, value]) => decoded(value));
  return {
    ids: new Set(values(/\sid="([^"]+)"/g)),
    links: [...new Set([...values(/<a\s[^>]*?href="([^"]*)"/g), ...values(/<img\s[^>]*?src="([^"]*)"/g)])],
  };
}

function decoded(text) {
  return text.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"');
}

function isDead(file, link) {
  if (/^(https?:|mailto:|data:)/.test(link)) return false;
  const [path, anchor] = link.split('#').map(decodeURIComponent);
  const target =
    path === '' ? file : path.startsWith(BASE) ? path.slice(BASE.length) : join(dirname(file), path);
  const found = [target, `${target}.html`, join(target, 'index.html')].find((each) => files.has(each));
  if (found === undefined) return true;
  return anchor !== undefined && anchor !== '' && !pages.get(found)?.ids.has(anchor);
}
