import { readFileSync } from 'node:fs';
import { OptionError } from '@conclave/server';
import { StorageError } from '@conclave/storage';
import { ConclaveError, exitCodeOf } from './client.ts';
import { type Command, helpOf, parse } from './command.ts';
import { bench } from './commands/bench.ts';
import { cluster } from './commands/cluster.ts';
import { config } from './commands/config.ts';
import { data } from './commands/data.ts';
import { dev } from './commands/dev.ts';
import { elect } from './commands/elect.ts';
import { get, list, put, remove } from './commands/keys.ts';
import { leader } from './commands/leader.ts';
import { lease } from './commands/lease.ts';
import { lock } from './commands/lock.ts';
import { member } from './commands/member.ts';
import { once } from './commands/once.ts';
import { server } from './commands/server.ts';
import { session } from './commands/session.ts';
import { snapshot } from './commands/snapshot.ts';
import { status } from './commands/status.ts';
import { watch } from './commands/watch.ts';
import { CommandNotStarted, exitCode, UsageError } from './exit.ts';
import { complain } from './output.ts';

const commands: readonly Command[] = [
  dev,
  server,
  member,
  status,
  cluster,
  leader,
  put,
  get,
  list,
  remove,
  watch,
  config,
  lock,
  elect,
  once,
  session,
  lease,
  snapshot,
  data,
  bench,
];

// What reads it may have gone, as `head` does: there is nobody to write for any more.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCode.notRead : exitCode.unavailable),
);
process.stderr.on('error', () => {});
await end(await main(process.argv.slice(2)));

/** Not left to Node, which has been seen to hang for ever where it tidies up by itself after children were killed (20.20). */
async function end(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(code);
}

async function main([name, ...argv]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    console.log(overview());
    return name === undefined ? exitCode.usage : exitCode.ok;
  }
  if (name === 'version' || name === '--version') {
    console.log(version());
    return exitCode.ok;
  }
  const command = commands.find((one) => one.name === name);
  if (command === undefined) {
    console.error(`conclave: there is no command ${JSON.stringify(name)}; \`conclave help\` lists them`);
    return exitCode.usage;
  }
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  if (own.includes('--help') || own.includes('-h')) {
    console.log(helpOf(command));
    return exitCode.ok;
  }
  try {
    return await command.run(parse(command, argv));
  } catch (error) {
    return explain(command, error);
  }
}

function version(): string {
  const { version: own } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return String(own);
}

function overview(): string {
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary.split('\n')[0]}`);
  return ['conclave COMMAND …', '', ...lines, '', '`conclave COMMAND --help` says more.'].join('\n');
}

function explain(command: Command, error: unknown): number {
  if (error instanceof UsageError || error instanceof OptionError) {
    complain(`conclave ${command.name}: ${error.message}`);
    return exitCode.usage;
  }
  if (error instanceof CommandNotStarted) {
    complain(`conclave ${command.name}: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof StorageError) {
    // Its message ends with what to do.
    complain(`conclave ${command.name}: ${error.message}`);
    return exitCode.unavailable;
  }
  if (ConclaveError.is(error)) {
    complain(
      `conclave ${command.name}: ${error.message} (${error.code}${error.outcome === 'unknown' ? ', outcome unknown' : ''})`,
    );
    return exitCodeOf(error);
  }
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) };
  complain(
    `conclave ${command.name}: ${code === 'EADDRINUSE' ? `${message}: is another member running there?` : message}`,
  );
  return exitCode.unavailable;
}
