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
  /** A certificate for a DNS name, signed by it. @param days How long it is good for; less than 0: it was. Default 1. */
  readonly issue: (name: string, days?: number) => Promise<KeyPair>;
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
    issue: async (name, days = 1) => {
      const stem = `${name}.${days}`;
      const [key, csr, cert, ext] = [`${stem}.key`, `${stem}.csr`, `${stem}.pem`, `${stem}.ext`];
      await writeFile(file(ext), `subjectAltName=DNS:${name}\n`);
      await openssl('req', ...newKey, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`);
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
      const life = ['-days', String(days)];
      await openssl('x509', '-req', '-in', csr, ...signer, '-out', cert, ...life, '-extfile', ext);
      return { cert: file(cert), key: file(key) };
    },
  };
}
