import type { SessionStoreUnavailableError } from '../core/errors.js';
import { outage } from './failure.js';

/** Why Redis cannot be used at boot, and what to check. */
export function unreachable(address: string, kind: string, timeoutMs: number): SessionStoreUnavailableError {
  return outage(`Redis at ${address} cannot be used for sessions: ${kind}. ${remedy(kind, timeoutMs)}`);
}

function remedy(kind: string, timeoutMs: number): string {
  switch (kind) {
    case 'NOAUTH':
    case 'WRONGPASS':
    case 'ERR':
      return 'Check REDIS_SESSION_USERNAME and REDIS_SESSION_PASSWORD.';
    case 'NOPERM':
      return 'Check the ACL of REDIS_SESSION_USERNAME: the README has the line to give to Redis.';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'Check the host name in REDIS_SESSION_HOST.';
    case 'ENOENT':
    case 'EACCES':
      return 'Check the path of the unix socket in REDIS_SESSION_URL, and who may open it.';
    case 'no answer in time':
    case 'ETIMEDOUT':
      return `Nothing answered in ${timeoutMs} ms. Check REDIS_SESSION_HOST, REDIS_SESSION_PORT, and that no firewall is in between.`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return "The server's certificate was not issued by an authority this process trusts: give it in REDIS_SESSION_SSL_CA.";
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return "The server's certificate is for another name: set REDIS_SESSION_SSL_SERVERNAME.";
    default:
      return 'Check REDIS_SESSION_HOST, REDIS_SESSION_PORT, and that the server is up.';
  }
}
