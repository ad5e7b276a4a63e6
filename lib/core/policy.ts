/**
 * When a session is saved; combinable.
 *
 * - `DEFAULT`: at the end of the request, what differs from what was loaded.
 * - `SAVE_ON_CHANGE`: a save starts at each set or delete (those of one tick are one write); the response waits for it.
 * - `ALWAYS_SAVE_AFTER_REQUEST`: after each request that used the session, changed or not.
 */
export const SESSION_POLICIES = ['DEFAULT', 'SAVE_ON_CHANGE', 'ALWAYS_SAVE_AFTER_REQUEST'] as const;

/** One of {@link SESSION_POLICIES}. */
export type SessionPolicy = (typeof SESSION_POLICIES)[number];
