import type { Deeds } from './deeds.js';
import { SETTLE_TURNS, turns } from './patience.js';
import type { SessionDeed } from './program.js';
import type { OpenedSession, Scene } from './scene.js';

/** Steps that do more to the session than to read it and to change it. */
export const SESSION_STEPS: Deeds<'session'> = {
  session: ({ scene, response }, { deed, awaited }) => {
    const { opened, state } = scene;
    if (opened !== undefined && state !== 'read') {
      // An `update()` that is refused is told to its caller alone.
      scene.touchedInTime ||= deed !== 'update' && !response.headersSent;
      void done(scene, opened, deed);
    }
    if (!awaited) return undefined;
    scene.surroundings.store?.openGate();
    // As long without a session as with one.
    return turns(SETTLE_TURNS);
  },
};

/** What a session says to a deed that comes too late is another suite's business. */
async function done(scene: Scene, session: OpenedSession, deed: SessionDeed): Promise<void> {
  try {
    await DEEDS[deed](session, scene);
  } catch {
    // The handler goes on: what it is owed is seen by the response.
  }
}

const DEEDS: Readonly<Record<SessionDeed, (session: OpenedSession, scene: Scene) => unknown>> = {
  login: (session, { runNumber }) => session.authenticate(`user ${runNumber}`),
  'remembered login': (session, { runNumber }) =>
    session.authenticate(`user ${runNumber}`, { rememberFor: 86_400 }),
  renew: (session) => session.regenerateId(),
  'renew with grace': (session) => session.regenerateId({ graceSeconds: 5 }),
  logout: (session) => session.destroy(),
  keep: (session) => session.keep(),
  csrf: (session) => session.csrfToken(),
  save: (session) => session.save(),
  update: (session, { runNumber }) => session.update('value', () => runNumber),
};
