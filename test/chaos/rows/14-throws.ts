import { startEdgeNode, viewOf, type EdgeNode } from '../helpers/edge.js';
import { allOf, type ChaosRow, type Finding } from '../row.js';

/** How a handler ends, and with which status. */
const WAYS = [
  ['http-400', 400],
  ['http-404', 404],
  ['http-409', 409],
  ['http-500', 500],
  ['http-502', 502],
  ['error', 500],
  ['observable-403', 403],
  ['observable-500', 500],
] as const;

async function thrown(node: EdgeNode, title: string, keeps: (status: number) => boolean): Promise<Finding[]> {
  let [answered, right, fresh] = [0, 0, 0];
  for (const [how, status] of WAYS) {
    const user = await node.loggedIn();
    await user.post('/set', { entries: [['value', 'before']] });
    const answer = await user.post(`/throw/${how}`, { value: 'thrown' });
    if (answer.status === status) answered += 1;
    const expected = keeps(status) ? 'thrown' : 'before';
    if (new Map(await entriesOf(user)).get('value') === expected) right += 1;
    // The same without a session before.
    const stranger = node.browser();
    const { setCookies } = await stranger.post(`/throw/${how}`, { value: 'thrown' });
    const found = new Map(await entriesOf(stranger)).get('value');
    if ((found === 'thrown') === keeps(status) && (setCookies.length === 1) === keeps(status)) fresh += 1;
  }
  return [
    allOf(`${title}: answered with the status that was thrown`, answered, WAYS.length),
    allOf(`${title}: sessions as they should be`, right, WAYS.length),
    allOf(`${title}: new sessions as they should be, with their cookie`, fresh, WAYS.length),
  ];
}

async function entriesOf(
  browser: Parameters<typeof viewOf>[0],
): Promise<readonly (readonly [string, unknown])[]> {
  return (await viewOf(browser)).entries;
}

export const row: ChaosRow = {
  row: 14,
  fault: 'the handler writes and throws 4xx or 5xx',
  on: 'standalone',
  run: async (context) => {
    const usual = await startEdgeNode(context);
    const discarding = await startEdgeNode(context, { env: { SAVE_ON_SERVER_ERROR: 'false' } });
    return [
      ...(await thrown(usual, 'saved', () => true)),
      ...(await thrown(discarding, 'discarded on 5xx', (status) => status < 500)),
    ];
  },
};
