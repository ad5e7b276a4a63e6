import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tempDir } from '../../support/cleanup.js';

const run = promisify(execFile);

/** Paths of PEM files. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** An authority made on the spot. */
export interface Authority {
  readonly ca: string;
  /** A certificate for a DNS name, signed by it. */
  readonly issue: (name: string) => Promise<KeyPair>;
}

/** Makes a certificate authority in a temp directory, with openssl. */
export async function makeAuthority(): Promise<Authority> {
  const dir = await tempDir();
  const file = (name: string): string => join(dir, name);
  const openssl = (...args: string[]): Promise<unknown> => run('openssl', args, { cwd: dir });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '1',
    '-subj',
    '/CN=ca',
  );
  return {
    ca: file('ca.pem'),
    issue: async (name) => {
      const [key, csr, cert, ext] = [`${name}.key`, `${name}.csr`, `${name}.pem`, `${name}.ext`];
      await writeFile(file(ext), `subjectAltName=DNS:${name}\n`);
      await openssl('req', ...newKey, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`);
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
      await openssl('x509', '-req', '-in', csr, ...signer, '-out', cert, '-days', '1', '-extfile', ext);
      return { cert: file(cert), key: file(key) };
    },
  };
}
