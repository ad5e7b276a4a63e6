import { setTimeout as delay } from 'node:timers/promises';
import { type Shown } from '../apps/chaos-node.js';
import { atLeast, exactly, none, type ChaosRow } from '../row.js';
import { checkUsers, statuses } from '../helpers/check.js';
import { startLoad } from '../helpers/load.js';
import { recoveryMs } from '../helpers/recovery.js';
import { isHash, startReplyProxy, type ReplyProxy } from '../helpers/reply-proxy.js';
import { startScene } from '../helpers/scene.js';

const SWAP_ONE_IN = 3;

/** A connection ends in the middle of a reply; a reply is another's, which is what a client that is out of step sees. */
export const row: ChaosRow = {
  row: 12,
  fault: "cut in the middle of a reply; a reply swapped with another's",
  on: 'standalone',
  run: async (context) => {
    const proxies: ReplyProxy[] = [];
    const between = async (port: number): Promise<ReplyProxy> => {
      const made = await startReplyProxy(port);
      proxies.push(made);
      return made;
    };
    const { admin, fleet, users, ledger } = await startScene(context, { between, users: 12 });
    const [proxy] = proxies;
    const [reader] = users;
    if (proxy === undefined || reader === undefined) throw new Error('Chaos helper: no proxy.');

    const load = await startLoad({ url: fleet.url, users: 20, ledger, prefix: 'load' });
    const began = performance.now();
    let replies = 0;
    let cuts = 0;
    const cutOneIn = context.scale(40, 12);
    proxy.onReply = (reply) => {
      // Not the few bytes of a handshake, or nobody would ever be connected.
      if (reply.length < 4 || /^\+(OK|PONG)/.test(reply.toString('latin1', 0, 5))) return reply;
      replies += 1;
      if (replies % cutOneIn !== 0) return reply;
      cuts += 1;
      return 'cut';
    };
    await delay(context.scale(8000, 1500));
    proxy.onReply = (reply) => reply;
    await load.stop();
    const cutAnswers = ledger.between(began);
    const strange = cutAnswers.filter(({ status }) => status !== 200 && status !== 503);
    const plain = cutAnswers.filter(({ kind }) => kind === 'plain');
    await recoveryMs(fleet, reader);

    let hashes = 0;
    let swaps = 0;
    let earlier: Buffer | undefined;
    proxy.onReply = (reply) => {
      if (!isHash(reply)) return reply;
      const other = earlier;
      earlier = Buffer.from(reply);
      hashes += 1;
      if (hashes % SWAP_ONE_IN !== 0 || other === undefined || other.equals(reply)) return reply;
      swaps += 1;
      return other;
    };
    // Past the ledger: a read that gets another's record is anonymous, and that is right.
    const seen = (
      await Promise.all(
        users.map(async ({ name, browser }) => {
          const mine = browser.jar.clone();
          const list: { name: string; status: number; shown: Shown | undefined; cookies: number }[] = [];
          for (let n = 0; n < context.scale(100, 25); n++) {
            const answer = await browser.get('/read', { cookie: mine.header('/') ?? '' });
            const shown = answer.status === 200 ? answer.json<Shown>() : undefined;
            list.push({ name, status: answer.status, shown, cookies: answer.setCookies.length });
          }
          return list;
        }),
      )
    ).flat();
    proxy.onReply = (reply) => reply;
    const foreign = seen.filter(
      ({ name, shown }) =>
        (shown?.who ?? name) !== name || !(shown?.value ?? `${name}#`).startsWith(`${name}#`),
    );
    const anonymous = seen.filter(({ shown }) => shown?.who === null);
    return [
      atLeast('replies cut', cuts, context.scale(40, 3)),
      atLeast('503s of these', cutAnswers.filter(({ status }) => status === 503).length, 1),
      none(
        'answers that are neither 200 nor 503',
        strange.map(({ kind, status }) => `${kind} ${status}`),
      ),
      exactly('routes without session', statuses(plain), { 200: plain.length }),
      atLeast('replies swapped', swaps, context.scale(200, 20)),
      exactly('answers to reads with swapped replies', statuses(seen), { 200: seen.length }),
      none(
        "reads that showed another's session",
        foreign.map(({ name, shown }) => `${name}: ${shown?.who}`),
      ),
      atLeast('of these anonymous', anonymous.length, 1),
      none(
        'cookies set or cleared by them',
        seen.filter(({ cookies }) => cookies > 0),
      ),
      ...(await checkUsers([...users, ...load.users], { admin })),
    ];
  },
};
