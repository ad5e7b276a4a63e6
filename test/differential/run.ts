import { once } from 'node:events';
import type { Client } from './client.js';
import { latePipes } from './leniencies.js';
import { nameOf, type Ending, type Observation } from './observation.js';
import { LONG, SHORT, turns, until } from './patience.js';
import type { Program, State } from './program.js';
import { Scene } from './scene.js';
import { PROGRAM_PATH } from './stage.js';
import type { Site } from './targets/target.js';

/** Faults of this process belong to the program that is on. */
let faulty: Scene | undefined;
process.on('uncaughtException', (error) => faulty?.faults.push(`uncaught ${nameOf(error)}`));
process.on('unhandledRejection', (error) => faulty?.faults.push(`unhandled ${nameOf(error)}`));

/**
 * Runs a program over a connection of its own, with a request behind it at once and another when all has been answered.
 *
 * @param plain What the same program did without a session: what came then, has to come now.
 */
export async function runProgram(
  site: Site,
  way: string,
  program: Program,
  state: State,
  plain?: Observation,
): Promise<Observation> {
  const needsCookie = site.store !== undefined && state !== 'new' && state !== 'untouched';
  const cookie = needsCookie ? await site.cookie() : undefined;
  const client = await site.connect();
  const scene = new Scene(
    program,
    state,
    surroundingsOf(site, client),
    plain !== undefined && !gaveUp(plain),
  );
  const { stage, store } = site;
  stage.enter(scene);
  store?.begin(state);
  faulty = scene;
  client.begin(program, `${PROGRAM_PATH}/${way}`, cookie);

  const ending = await endingOf(scene, stage, plain);
  const sourcesLeft = scene.producing;
  // What ends the connection from here on is this rig.
  scene.over();
  const kept = await afterwards(site, client, ending);
  await until(() => client.caughtUp, LONG);
  client.bye();
  // A server's side of HTTP/2 keeps a stream that nobody has ended, in plain Node too.
  await until(() => client.gone, ending === 'closed' ? LONG : SHORT);
  await turns(2);
  store?.rest();
  await relisten(site);
  stage.enter(undefined);
  faulty = undefined;
  if (scene.settled && scene.steps.length === 0 && program.steps.length > 0)
    throw new Error('Test helper: no step was noted, so that nothing is compared.');
  return {
    steps: scene.steps,
    events: scene.events,
    callbacks: scene.callbacks,
    ending,
    sourcesLeft,
    received: client.received,
    kept,
    faults: scene.faults,
    cutWhileHeld: scene.cutWhileHeld,
    connectionCut: scene.connectionCut,
    connectionCutWhileHeld: scene.connectionCutWhileHeld,
    idleClosedWhileHeld: scene.idleClosedWhileHeld,
    touchedInTime: scene.touchedInTime,
    refused: (store?.refused ?? 0) > 0,
    multiplexed: site.server.closeAllConnections === undefined,
  };
}

function surroundingsOf(site: Site, client: Client): Scene['surroundings'] {
  return {
    store: site.store,
    leave: (how) => client.leave(how),
    answerBefore: () => site.stage.answerBefore(),
    closeServer: () => void site.server.close(),
    closeIdleConnections: () => void site.server.closeIdleConnections?.(),
  };
}

/** Whether something that a program waited for did not come. */
function gaveUp({ steps }: Observation): boolean {
  return steps.some(({ outcome }) => /no drain|never told|waits/.test(outcome));
}

async function endingOf(scene: Scene, stage: Site['stage'], plain: Observation | undefined): Promise<Ending> {
  const handled = await until(() => scene.settled, LONG);
  stage.answerBefore();
  await turns(2);
  scene.surroundings.store?.openGate();
  const mustClose = plain?.ending === 'closed';
  const closed = await until(() => scene.closed || scene.disconnected, mustClose ? LONG : SHORT);
  const mayStay = plain === undefined ? 0 : plain.sourcesLeft + latePipes(plain, scene);
  await until(() => scene.producing <= mayStay, plain === undefined ? SHORT : LONG);
  if (closed || scene.closed) return 'closed';
  return handled ? 'open' : 'stuck';
}

/** What becomes of the connection: the request that was sent behind is answered, and one more. */
async function afterwards({ stage }: Site, client: Client, ending: Ending): Promise<boolean> {
  if (ending !== 'closed') {
    client.leave('destroy');
    return false;
  }
  const answered = (path: string) => (): boolean => client.closed || stage.answered.has(path);
  await until(answered('/next'), SHORT);
  if (client.closed || !stage.answered.has('/next')) return false;
  client.askOnceMore();
  await until(answered('/after'), SHORT);
  return !client.closed && stage.answered.has('/after');
}

/** The server as it was, after a program has closed it. */
async function relisten({ server }: Site): Promise<void> {
  if (server.listening) return;
  await until(() => server.connections === 0, SHORT);
  server.closeAllConnections?.();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}
