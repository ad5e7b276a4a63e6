import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';
import { defineConfig } from 'vitepress';
import { writeLlmsTexts } from './llms.mjs';
import { navigation } from './navigation.mjs';
import { breakNames, inlineDiagrams, linkToRepository } from './markdown.mjs';
import { REPOSITORY, VERSION } from './repository.mjs';

const docs = fileURLToPath(new URL('..', import.meta.url));
const groups = navigation(docs);
const hasApi = existsSync(join(docs, 'api/index.md'));

export default defineConfig({
  title: 'nestjs-redis-session',
  description:
    'HTTP sessions for NestJS, kept in Redis: any node serves any request, on Express and on Fastify.',
  lang: 'en',
  // Where the site is not at the top of its host: DOCS_BASE=/nestjs-redis-session/
  base: process.env.DOCS_BASE ?? '/',
  cleanUrls: false,
  srcExclude: ['node_modules/**', 'tools/**'],
  markdown: {
    config(markdown) {
      linkToRepository(markdown);
      inlineDiagrams(markdown);
      breakNames(markdown);
    },
  },
  // The pages of tables and of the reference are large, and each is loaded when it is read.
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  buildEnd: ({ outDir }) => writeLlmsTexts({ docs, out: outDir, groups }),
  themeConfig: {
    nav: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'Settings', link: '/settings' },
      { text: 'Troubleshooting', link: '/troubleshooting' },
      ...(hasApi ? [{ text: 'API', link: '/api/' }] : []),
      { text: VERSION, link: `${REPOSITORY}/blob/main/CHANGELOG.md` },
    ],
    sidebar: [
      ...groups.map(({ title, pages }) => ({
        text: title,
        items: pages.map((page) => ({ text: page.title, link: `/${page.name}` })),
      })),
      ...(hasApi ? [{ text: 'Reference', items: [{ text: 'API', link: '/api/' }] }] : []),
    ],
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
    editLink: { pattern: `${REPOSITORY}/edit/main/docs/:path`, text: 'Edit this page' },
    footer: { message: 'MIT licence' },
  },
});
