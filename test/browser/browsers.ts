import axe from 'axe-core';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { onCleanup } from '../support/cleanup.js';

/** Where pictures of the pages go: outside of the repository. */
export const SCREENSHOTS = process.env['SCREENSHOTS'] ?? join(tmpdir(), 'nestjs-redis-session-screenshots');

export const DESKTOP = { viewport: { width: 1280, height: 860 } } satisfies BrowserContextOptions;
export const PHONE = {
  viewport: { width: 390, height: 844 },
  userAgent:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
} satisfies BrowserContextOptions;

let browser: Promise<Browser> | undefined;

/** One for all tests of a file. */
function theBrowser(): Promise<Browser> {
  return (browser ??= (async () => {
    const launched = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      // Chromium has no sandbox for root, as who CI runs.
      args: ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
    });
    onCleanup(() => launched.close());
    return launched;
  })());
}

/** A page of a profile of its own, which shares nothing with others. */
export async function openProfile(baseURL: string, options: BrowserContextOptions = DESKTOP): Promise<Page> {
  const context = await (await theBrowser()).newContext({ baseURL, ...options });
  onCleanup(() => context.close());
  return context.newPage();
}

/** What a page tells on its console as errors: scripts that failed, and what its policy did not let through. */
export function errorsOf(page: Page): string[] {
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('dialog', (dialog) => {
    errors.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return errors;
}

/** What axe finds that keeps somebody from using a page. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run: () => Promise<axe.AxeResults> } };
    return axe.run();
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** A picture of the whole page. */
export async function photograph(page: Page, name: string): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
