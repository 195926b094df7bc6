// What a test may need of the system that is not everywhere. `test(name, { skip: requires('strace') }, …)`.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export type Facility =
  | 'chromium'
  | 'git'
  | 'linux'
  | 'npm'
  | 'postgres'
  | 'promtool'
  | 'redis'
  | 'root'
  | 'script'
  | 'setpriv'
  | 'strace';

const programs: Readonly<Partial<Record<Facility, readonly string[]>>> = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
  git: ['git'],
  npm: ['npm'],
  postgres: ['initdb'],
  promtool: ['promtool'],
  redis: ['redis-server'],
  script: ['script'],
  setpriv: ['setpriv'],
  strace: ['strace'],
};

/** The reason to skip, or false. Under CONCLAVE_REQUIRE=all the runner counts a skip as a failure. */
export function requires(...facilities: readonly Facility[]): string | false {
  const missing = facilities.flatMap((facility) => absence(facility) ?? []);
  return missing.length > 0 ? `this machine has ${missing.join(' and ')}` : false;
}

/** The path of a program that `requires` found. */
export function programPath(facility: Facility): string | undefined {
  for (const name of programs[facility] ?? []) {
    for (const folder of folders()) {
      if (isExecutable(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

/** Where Debian puts the programs of a PostgreSQL server, one folder a version, and not into the PATH. */
const postgresVersions = '/usr/lib/postgresql';

function folders(): string[] {
  const versions = existsSync(postgresVersions) ? readdirSync(postgresVersions) : [];
  const path = (process.env['PATH'] ?? '').split(delimiter);
  return [...path, ...versions.map((version) => join(postgresVersions, version, 'bin'))];
}

function absence(facility: Facility): string | undefined {
  if (facility === 'root') return process.getuid?.() === 0 ? undefined : 'no root for this test';
  if (facility === 'linux') return process.platform === 'linux' ? undefined : 'no Linux';
  return programPath(facility) === undefined ? `no ${facility}` : undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
