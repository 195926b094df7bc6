import { existsSync } from 'node:fs';
import { CannotRunError } from '../cannot-run.ts';

/** Debian packages, each with a file by which it is known. */
const packages = [
  { name: 'etcd-server', file: '/usr/bin/etcd' },
  { name: 'golang-go', file: '/usr/bin/go' },
  { name: 'golang-etcd-server-dev', file: '/usr/share/gocode/src/go.etcd.io/etcd/clientv3' },
] as const;

/** Throws CannotRunError, which names what is missing and the command that installs it. */
export function checkPackages(isThere: (file: string) => boolean = existsSync): void {
  const missing = packages.filter(({ file }) => !isThere(file)).map(({ name }) => name);
  if (missing.length === 0) return;
  throw new CannotRunError(
    `missing Debian ${missing.length === 1 ? 'package' : 'packages'}: ${missing.join(', ')} (apt-get install ${missing.join(' ')})`,
  );
}
