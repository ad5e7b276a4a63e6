import { adminOf } from '../helpers/check.js';
import { startEdgeNode, viewOf } from '../helpers/edge.js';
import { allOf, exactly, type ChaosRow } from '../row.js';

const TRIES = 50;

export const row: ChaosRow = {
  row: 16,
  fault: 'first write to a session after the headers left',
  on: 'standalone',
  run: async (context) => {
    const node = await startEdgeNode(context);
    const admin = adminOf(node.redis.port);
    let [refused, cookies, saved] = [0, 0, 0];
    for (let n = 0; n < TRIES; n++) {
      const { text, setCookies } = await node.browser().post('/late');
      if (text === 'begun SESSION_HEADERS_SENT') refused += 1;
      cookies += setCookies.length;
    }
    const orphans = await admin.dbsize();
    for (let n = 0; n < TRIES; n++) {
      const user = await node.loggedIn();
      const { text } = await user.post('/late');
      const { entries } = await viewOf(user);
      if (text === 'begun saved' && new Map(entries).get('late') === true) saved += 1;
    }
    return [
      allOf('new sessions refused with a clear error', refused, TRIES),
      exactly('cookies sent for them', cookies, 0),
      exactly('keys left by them', orphans, 0),
      allOf('sessions that exist: save() works', saved, TRIES),
      exactly('unhandled rejections', (await node.vitals()).unhandled, 0),
    ];
  },
};
