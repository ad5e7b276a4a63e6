import { CATALOG } from './catalog.js';
import type { Given } from './given.js';
import { isStrongSecret } from './secrets.js';
import type { SessionSettings } from './settings.js';

/** What is warned of at boot: settings that do nothing as things are, which harms nobody, and what is rarely meant. */
export function warningsOf(given: Given, settings: SessionSettings, production: boolean): string[] {
  return [
    ...withoutEffect(given, settings),
    ...[...given.renamed].map(
      ([old, name]) =>
        `The option ${old} is called ${name} now. The old name works for the time being: rename it.`,
    ),
    ...unequalLives(given, settings),
    ...settings.oldLibraries
      .filter(({ secrets }) => !secrets.every(isStrongSecret))
      .map(
        ({ library }) =>
          `migrateFrom.${library}.secrets holds a secret that is short, a well-known sample or no random text: who guesses it and has seen an id of ` +
          'such a session can pose as its user, on nodes of before and here. Have the move over soon, and use none of them for ' +
          'REDIS_SESSION_SECRETS.',
      ),
    ...(production && !settings.usesRedis && settings.store === undefined
      ? [
          'NODE_ENV is production and sessions live in the memory of this process: a restart ends them, and no other node ' +
            'knows them. Set REDIS_SESSION_ENABLED=true to keep them in Redis.',
        ]
      : []),
  ];
}

/** What was set although a condition of its declaration does not hold. */
function withoutEffect({ entries }: Given, settings: SessionSettings): string[] {
  const labels = new Map<string, string[]>();
  for (const setting of CATALOG) {
    const entry = entries.get(setting.path);
    const { unmet } = setting.find(settings);
    if (!entry || !unmet?.otherwise || (unmet.unlessGiven && entries.has(unmet.unlessGiven))) continue;
    labels.set(unmet.otherwise, [...(labels.get(unmet.otherwise) ?? []), entry.label]);
  }
  return [...labels].map(([reason, set]) => `Without effect: ${set.join(', ')}. ${reason}`);
}

/** A cookie and a session that do not end together: whoever stays away is logged out sooner than one of them says. */
function unequalLives(
  { entries }: Given,
  { transport, cookie, idleTimeoutSeconds: idle }: SessionSettings,
): string[] {
  const life = cookie.maxAgeSeconds;
  if (transport.header !== undefined || life === undefined || life === idle) return [];
  const what =
    life > idle
      ? `outlives the idle time of sessions, ${idle} s: who stays away for longer than that has to log in again though the ` +
        'browser still has the cookie'
      : `ends before the idle time of sessions, ${idle} s: who stays away for longer than the cookie lives has to log in ` +
        'again though the session is still there';
  return [
    `${entries.get('cookie.maxAgeSeconds')?.label} of ${life} s ${what}. Set REDIS_SESSION_USER_TIMEOUT to the same, or let a ` +
      'login say it for both: authenticate(id, { rememberFor }).',
  ];
}
