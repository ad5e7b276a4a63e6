import { LEAST_PRIVILEGES } from '../support/privileges.js';

/** What Redis has to allow, and nothing else; SECURITY.md gives this line. */
export function aclLine(user: string, password: string, prefix: string): string {
  return `user ${user} on >${password} ~${prefix}* resetchannels &${prefix}events ${LEAST_PRIVILEGES}`;
}

/** Names of the commands it allows. */
export const ALLOWED = LEAST_PRIVILEGES.split(' ').flatMap((rule) =>
  rule.startsWith('+') ? [rule.slice(1)] : [],
);
