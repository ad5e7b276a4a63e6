import { type Shown } from '../apps/chaos-node.js';
import { allOf, exactly, none, type ChaosRow } from '../row.js';
import { type Browser, type BrowserResponse } from '../../support/cookie-jar.js';
import { startRedis } from '../../support/redis-server.js';
import { adminOf, checkUsers } from '../helpers/check.js';
import { startFleet } from '../helpers/fleet.js';
import { Ledger } from '../helpers/ledger.js';
import { User } from '../helpers/load.js';
import { abort, requestText } from '../helpers/raw-clients.js';
import { askAll } from '../helpers/scene.js';

/** Somebody logs in with this browser's cookie, and its browser never hears of it: the answer is lost, or the client left. */
async function loseLogin({ browser, name }: User, url: string, leaves: boolean): Promise<void> {
  if (!leaves) return void (await browser.clone().post('/login', { user: name }));
  const cookie = `Cookie: ${browser.jar.header('/')}\r\n`;
  await abort(url, requestText('POST', '/login', cookie, { user: name }), 'at the first byte');
}

/** With guests in memory, which is the default mode. */
export const row: ChaosRow = {
  row: 30,
  fault: 'the client leaves during a login; the answer to a login is lost',
  on: 'standalone',
  run: async (context) => {
    const redis = await startRedis();
    const fleet = await startFleet(context, { redis });
    const ledger = new Ledger();
    const users = Array.from(
      { length: context.scale(60, 20) },
      (_, at) => new User(`u${at}`, fleet.url, ledger),
    );
    const guests: BrowserResponse[] = [];
    for (const { browser, name } of users) guests.push(await browser.post('/write', { value: `${name}#0` }));
    await Promise.all(users.map((user, at) => loseLogin(user, fleet.url, at % 2 === 0)));

    const reads = await Promise.all(users.map(({ browser }) => browser.get('/read')));
    const writes = await Promise.all(users.map(({ browser }) => browser.post('/write', { value: 'late' })));
    const takenOver = reads.filter((answer) => answer.json<Shown>().who !== null);
    const logins = await askAll(users, 'login');
    const shown = await Promise.all(users.map(({ browser }) => whoIs(browser)));
    const served = logins.filter(({ status }) => status === 200).length;
    return [
      allOf('guests before', guests.filter(({ setCookies }) => setCookies.length === 1).length, users.length),
      allOf(
        'reads with the old cookie served',
        reads.filter(({ status }) => status === 200).length,
        users.length,
      ),
      none('of these logged in', takenOver),
      allOf('writes with it answered', writes.filter(({ status }) => status === 200).length, users.length),
      none(
        'cookies that these were given',
        writes.filter(({ setCookies }) => setCookies.length > 0).map(({ setCookies }) => setCookies[0]?.name),
      ),
      allOf('logins at once', served, users.length),
      exactly('logged in by them', shown.filter((who) => who !== null).length, users.length),
      ...(await checkUsers(users, { admin: adminOf(redis.port) })),
    ];
  },
};

async function whoIs(browser: Browser): Promise<string | null> {
  return (await browser.get('/read')).json<Shown>().who;
}
