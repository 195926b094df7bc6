import { type FoundingOptions, type JoiningOptions, type RunningMember, startMember } from '@conclave/server';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { endProcess } from './end-process.ts';
import { logLevel, logLevelOption, parseMember, timeOptions, times } from './member-flags.ts';

export const server: Command = {
  name: 'server',
  usage: '--data DIR (--id N --cluster NAME --member ID=CLIENT_URL,PEER_URL … | --join TOKEN)',
  summary: 'Runs one member. The same command at its first start, which makes its directory, and at every later one.',
  options: {
    data: { type: 'string', value: 'DIR', help: 'its directory' },
    id: { type: 'string', value: 'N', help: 'which of the members it is' },
    cluster: { type: 'string', value: 'NAME', help: 'name of the cluster, the same for all members' },
    member: {
      type: 'string',
      multiple: true,
      value: 'ID=C,P',
      help: 'each founding member: URL for clients, URL for peers',
    },
    join: { type: 'string', value: 'TOKEN', help: 'instead of them: what `conclave member add` printed' },
    listen: { type: 'string', value: 'H:P', help: 'address for clients, if not that of its URL' },
    'listen-peer': { type: 'string', value: 'H:P', help: 'address for peers, if not that of its URL' },
    'allow-origin': { type: 'string', multiple: true, value: 'URL', help: 'a page of this origin may connect' },
    ...timeOptions,
    ...logLevelOption('info'),
    insecure: { type: 'boolean', help: 'listen beyond this machine without encryption and authentication' },
  },
  run,
};

async function run(parsed: Arguments): Promise<number> {
  if (parsed.positionals.length > 0)
    throw new UsageError(`unexpected argument ${JSON.stringify(parsed.positionals[0])}`);
  const listen = parsed.text('listen');
  const listenPeer = parsed.text('listen-peer');
  const running = await startMember({
    directory: parsed.required('data'),
    ...identity(parsed),
    ...(listen === undefined ? {} : { listen }),
    ...(listenPeer === undefined ? {} : { listenPeer }),
    allowOrigins: parsed.texts('allow-origin'),
    ...times(parsed),
    insecure: parsed.flag('insecure'),
    logLevel: logLevel(parsed, 'info'),
  });
  stopWithSignalsAndParent(running);
  tellParent(running);
  try {
    await running.stopped;
  } catch (error) {
    // What failed may be the disk: nothing is waited for, nothing is written any more.
    console.error(`conclave server: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(exitCode.unavailable);
  }
  // The channel to the parent would keep this process alive.
  if (process.connected) process.disconnect();
  return exitCode.ok;
}

function identity(
  parsed: Arguments,
): Pick<JoiningOptions, 'join' | 'members'> | Pick<FoundingOptions, 'id' | 'cluster' | 'members'> {
  const join = parsed.text('join');
  const members = parsed.texts('member').map(parseMember);
  if (join === undefined) {
    parsed.required('id');
    return { id: parsed.number('id', 1, 2 ** 32 - 1, 0), cluster: parsed.required('cluster'), members };
  }
  const other = ['id', 'cluster'].find((name) => parsed.has(name));
  if (other !== undefined) throw new UsageError(`--${other}: the join token says it`);
  return { join, members };
}

/** Under `conclave dev` a member ends with its parent, also when that is killed: the channel closes then. */
function stopWithSignalsAndParent(running: RunningMember): void {
  process.once('SIGTERM', () => endProcess(running.retire()));
  // Under `conclave dev` all members end together then, also by Ctrl-C, which every process of the terminal hears: there is nobody to hand
  // leadership to.
  const isOneOfMany = process.channel !== undefined;
  process.once('SIGINT', () => endProcess(isOneOfMany ? running.stop() : running.retire()));
  if (isOneOfMany) process.once('disconnect', () => endProcess(running.stop()));
}

/** How long the parent may be left without a word about who leads. */
const tellIntervalMs = 50;

/** Says when it listens, and then who leads, whenever that changes. */
function tellParent({ clientPort, member, stopped }: RunningMember): void {
  if (process.send === undefined) return;
  process.send({ event: 'listening', clientPort });
  let told: number | null = null;
  const timer = setInterval(() => {
    const { leader } = member.raft;
    if (leader === told) return;
    told = leader;
    process.send?.({ event: 'leader', leader });
  }, tellIntervalMs);
  void stopped.finally(() => clearInterval(timer)).catch(() => {});
}
