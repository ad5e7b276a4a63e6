import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { eachAdapter, type StartedApp } from '../support/apps.js';
import { BrowserWith } from '../e2e/helpers/browser-with.js';
import { DESKTOP, PHONE, errorsOf, openProfile, photograph, seriousFaults } from './browsers.js';
import { startShop } from './shop-nodes.js';

const WINDOWS_EDGE =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0';
const MAC_SAFARI =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0';
const ANDROID =
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36';
/** What nobody is called, and everybody may call themselves. */
const HOSTILE = '"><img src=x onerror=alert(1)>\u202e';

async function logIn(page: Page, name: string, password = 'tea'): Promise<void> {
  await page.goto('/login');
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL('**/');
}

/** Opens a socket from the page as a script of its own would, and resolves once the server has told who that is. */
function openSocket(page: Page): Promise<string> {
  return page.evaluate(
    () =>
      new Promise<string>((resolve, reject) => {
        const live = window as unknown as { socketClosed: Promise<number> };
        const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/live`);
        live.socketClosed = new Promise((close) =>
          socket.addEventListener('close', ({ code }) => close(code)),
        );
        socket.addEventListener('open', () => socket.send(JSON.stringify({ event: 'who' })));
        socket.addEventListener('message', ({ data }) =>
          resolve((JSON.parse(String(data)) as { data: string }).data),
        );
        socket.addEventListener('error', () => reject(new Error('The socket failed.')));
      }),
  );
}

/** The code with which that socket is closed. */
const socketClosed = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as { socketClosed: Promise<number> }).socketClosed);

/** Somebody who is logged in, without a window to be seen. */
async function logInUnseen(url: string, name: string, userAgent: string): Promise<void> {
  const body = new URLSearchParams({ name, password: 'tea' }).toString();
  const headers = { 'user-agent': userAgent };
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const { status } = await new BrowserWith({ ...headers, ...type }, url).post('/login', body);
  expect(status).toBe(303);
}

eachAdapter('in a browser', (adapter) => {
  let a: StartedApp;
  let b: StartedApp;
  beforeAll(async () => {
    [a, b] = await startShop(adapter);
    for (const [name, userAgent] of [
      ['Ada', WINDOWS_EDGE],
      ['Ada', ANDROID],
      ['Grace', MAC_SAFARI],
      ['Linus', FIREFOX],
      [HOSTILE, '</td><script>alert(2)</script>'],
    ] as const)
      await logInUnseen(a.url, name, userAgent);
  });

  describe.each([
    ['with scripts', true],
    ['without scripts', false],
  ])('%s', (_how, javaScriptEnabled) => {
    it('a device is logged out from another: its socket closes, and its next click asks for a login', async () => {
      const laptop = await openProfile(a.url, { ...DESKTOP, javaScriptEnabled });
      const phone = await openProfile(b.url, PHONE);
      const name = `Mary ${javaScriptEnabled}`;
      await logIn(laptop, name);
      await logIn(phone, name);
      expect(await openSocket(phone)).toBe(name);
      await laptop.getByRole('link', { name, exact: true }).click();
      const devices = laptop.getByRole('list', { name: 'Your devices' });
      expect(await devices.getByRole('listitem').count()).toBe(2);
      expect(await devices.getByRole('listitem').filter({ hasText: 'this device' }).textContent()).toContain(
        'Chrome on Linux',
      );
      await devices.getByRole('button', { name: /^Log out on Safari on iPhone/ }).click();
      expect(await laptop.getByRole('status').textContent()).toContain('Logged out there.');
      expect(await devices.getByRole('listitem').count()).toBe(1);
      expect(await socketClosed(phone)).toBe(4401);
      await phone.getByRole('link', { name, exact: true }).click();
      await phone.waitForURL('**/login');
      // Who asked for it is still logged in.
      await laptop.reload();
      expect(await laptop.getByRole('heading', { level: 1 }).textContent()).toBe('Your account');
    });

    it('the keeper ends sessions: their sockets close, and the next click asks for a login', async () => {
      const keeper = await openProfile(a.url, { ...DESKTOP, javaScriptEnabled });
      const name = `Nora ${javaScriptEnabled}`;
      await logIn(keeper, 'keeper', 'kettle');
      const phones = [await openProfile(b.url, PHONE), await openProfile(a.url, PHONE)] as const;
      for (const phone of phones) {
        await logIn(phone, name);
        expect(await openSocket(phone)).toBe(name);
      }
      await keeper.getByRole('link', { name: 'Sessions of all' }).click();
      await keeper.getByRole('searchbox').fill(name);
      await keeper.getByRole('button', { name: 'Search' }).click();
      const rows = keeper.getByRole('row').filter({ hasText: 'Safari on iPhone' });
      expect(await rows.count()).toBe(2);
      // Newest first: the second phone's.
      await rows
        .first()
        .getByRole('button', { name: /^End the session/ })
        .click();
      expect(await keeper.getByRole('status').textContent()).toContain('1 session ended.');
      expect(await socketClosed(phones[1])).toBe(4401);
      await phones[1].getByRole('link', { name, exact: true }).click();
      await phones[1].waitForURL('**/login');
      expect(await rows.count()).toBe(1);
      await keeper.getByText('End every session of this user').click();
      await keeper.getByRole('button', { name: `End every session of ${name}` }).click();
      expect(await keeper.getByRole('status').textContent()).toContain('1 session ended.');
      expect(await socketClosed(phones[0])).toBe(4401);
      await phones[0].reload();
      await phones[0].goto('/account');
      expect(phones[0].url()).toMatch(/\/login$/);
    });
  });

  it('everything on the admin page can be done with the keyboard', async () => {
    const page = await openProfile(a.url);
    await logInUnseen(a.url, 'Olga', FIREFOX);
    await logIn(page, 'keeper', 'kettle');
    await page.goto('/admin/sessions');
    const focused = (): Promise<{ text: string; outline: string }> =>
      page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        return { text: element.innerText.trim(), outline: getComputedStyle(element).outlineStyle };
      });
    // The heading's link, the field.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Olga');
    await page.keyboard.press('Enter');
    await page.waitForURL('**?user=Olga');
    for (let tabs = 0; !(await focused()).text.startsWith('End every session'); tabs += 1) {
      expect(tabs).toBeLessThan(10);
      await page.keyboard.press('Tab');
    }
    expect((await focused()).outline).toBe('solid');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await focused()).toMatchObject({ text: 'End every session of Olga', outline: 'solid' });
    await page.keyboard.press('Enter');
    await page.waitForURL('**ended=1');
    // Whoever does not see it is told: it has the focus, and the title begins with it.
    expect((await focused()).text).toBe('1 session ended.');
    expect(await page.title()).toMatch(/^1 session ended\./);
  });

  it('the pages run no script of a user’s name, and ask for nothing that their policy refuses', async () => {
    const page = await openProfile(a.url);
    const errors = errorsOf(page);
    await logIn(page, 'keeper', 'kettle');
    await page.goto('/admin/sessions');
    expect(await page.locator('table img, table script').count()).toBe(0);
    await page.getByRole('link', { name: /onerror/ }).click();
    expect(await page.getByRole('row').count()).toBe(2);
    expect(await page.getByText('<script>alert(2)</script>').count()).toBe(1);
    expect(errors).toEqual([]);
  });

  describe.each([
    ['desktop', DESKTOP],
    ['phone', PHONE],
  ])('on a %s', (size, device) => {
    it.each(['light', 'dark'] as const)(
      'in %s colours the pages fit, and axe finds nothing serious',
      async (colorScheme) => {
        const page = await openProfile(a.url, { ...device, colorScheme });
        const visit = async (path: string, name: string): Promise<void> => {
          if (path !== '') await page.goto(path);
          await photograph(page, `${adapter}-${name}-${size}-${colorScheme}`);
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect([name, overflow]).toEqual([name, 0]);
          expect([name, await seriousFaults(page)]).toEqual([name, []]);
          // No emoji: there may be no font for them.
          expect([name, /\p{Extended_Pictographic}/u.exec(await page.innerText('body'))]).toEqual([
            name,
            null,
          ]);
        };
        await visit('/', 'shelf');
        await visit('/login', 'login');
        await logIn(page, 'keeper', 'kettle');
        await page.getByRole('button', { name: /^Add to cart.*Assam/ }).click();
        await visit('', 'cart');
        await visit('/account', 'account');
        await visit('/session', 'session');
        await visit('/status', 'status');
        await visit('/admin/sessions', 'admin-all');
        await visit('/admin/sessions?user=Ada', 'admin-user');
        await page.getByText('End all 2 sessions of this user').click();
        await visit('', 'admin-end-all');
        await visit('/admin/sessions?user=nobody', 'admin-none');
        await visit('/admin/sessions?user=Ada&after=none', 'admin-changed');
        await visit('/admin/sessions?user=Ada&ended=1', 'admin-ended');
        await page.evaluate(() => {
          for (const field of document.querySelectorAll<HTMLInputElement>('[name=_csrf]'))
            field.value = 'old';
        });
        await page
          .getByRole('button', { name: /^End the session/ })
          .first()
          .click();
        await visit('', 'admin-out-of-date');
      },
    );
  });
});
