#!/usr/bin/env node
// What every npm script of the root does first: `prepare.mjs [build] [check]` installs what is missing and, if asked, builds
// and checks. Plain JavaScript without a dependency, because it runs before anything is installed. Everything it and its
// children print goes to stderr: the standard output belongs to the command that follows (`npm start -- --json`).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const minimumNode = [20, 19];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < minimumNode[0] || (major === minimumNode[0] && minor < minimumNode[1])) {
  console.error(`Conclave needs Node.js ${minimumNode.join('.')} or newer; this is ${process.version}.`);
  process.exit(1);
}

const steps = {
  // turbo wants to find pnpm on the PATH, which it does only inside it.
  build: () => pnpm('exec', 'turbo', 'run', 'build', '--output-logs=errors-only'),
  check: () => {
    exec('tsc', '-b');
    exec('oxlint', '--type-aware', '--deny-warnings');
    exec('biome', 'ci', '--colors=off', '--max-diagnostics=8', '.');
    exec('knip');
  },
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((step) => !Object.hasOwn(steps, step));
if (unknown.length > 0) {
  console.error(`prepare: no such step: ${unknown.join(', ')} (there are: ${Object.keys(steps).join(', ')})`);
  process.exit(2);
}

install();
for (const step of wanted) steps[step]();

/** Installs when the lockfile or a package's manifest changed since the last install; a second run costs nothing. */
function install() {
  const stamp = join(root, 'node_modules/.conclave-installed');
  const want = createHash('sha256')
    .update(
      manifests()
        .map((file) => readFileSync(file))
        .join('\0'),
    )
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return;
  pnpm('install', '--frozen-lockfile', '--reporter=append-only');
  writeFileSync(stamp, want);
}

function manifests() {
  const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'package.json'));
  return [join(root, 'pnpm-lock.yaml'), join(root, 'pnpm-workspace.yaml'), ...packages.filter(existsSync).toSorted()];
}

/** pnpm in exactly the version that package.json pins; npx fetches it where only npm exists. */
function pnpm(...args) {
  run('npx', ['--yes', manifest.packageManager, ...args]);
}

/** A development dependency's command, without a package manager in between. */
function exec(command, ...args) {
  run(join(root, 'node_modules/.bin', command), args);
}

function run(command, args) {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', npm_config_update_notifier: 'false' };
  const { status, signal, error } = spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  console.error(`prepare: ${command} ${args.join(' ')}: ${error?.message ?? signal ?? `exit ${status}`}`);
  process.exit(1);
}
