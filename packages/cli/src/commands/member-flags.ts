import { type Arguments, type Option } from '../command.ts';
import { UsageError } from '../exit.ts';

/** Times that `server` and `dev` take alike. */
export const timeOptions: Readonly<Record<string, Option>> = {
  'heartbeat-ms': { type: 'string', value: 'MS', help: 'a leader is heard at least this often (100)' },
  'election-ms': { type: 'string', value: 'MS', help: 'without a leader for so long, one is elected (1000)' },
};

const maxElectionMs = 60_000;
const heartbeatsPerElection = 3;

export function times(parsed: Arguments): { readonly heartbeatMs: number; readonly electionMs: number } {
  const heartbeatMs = parsed.number('heartbeat-ms', 5, maxElectionMs, 100);
  const electionMs = parsed.number('election-ms', 10, maxElectionMs, 1_000);
  if (electionMs < heartbeatMs * heartbeatsPerElection) {
    throw new UsageError(
      `--election-ms ${electionMs}: at least ${heartbeatsPerElection} times --heartbeat-ms ${heartbeatMs}`,
    );
  }
  return { heartbeatMs, electionMs };
}

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
type LogLevel = (typeof logLevels)[number];

export function logLevelOption(by: LogLevel): Readonly<Record<string, Option>> {
  const all = logLevels.map((level) => (level === by ? `${level} (default)` : level));
  const help = `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
  return { 'log-level': { type: 'string', value: 'LEVEL', help } };
}

export function logLevel(parsed: Arguments, by: LogLevel): LogLevel {
  const text = parsed.text('log-level') ?? by;
  const level = logLevels.find((one) => one === text);
  if (level === undefined) throw new UsageError(`--log-level ${JSON.stringify(text)}: one of ${logLevels.join(', ')}`);
  return level;
}

export interface MemberFlag {
  readonly id: number;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

/** `ID=CLIENT_URL,PEER_URL`. */
export function parseMember(text: string): MemberFlag {
  const match = /^(?<id>\d+)=(?<client>[^,]+),(?<peer>[^,]+)$/.exec(text);
  const { id, client, peer } = match?.groups ?? {};
  if (id === undefined || client === undefined || peer === undefined) {
    throw new UsageError(
      `--member ${JSON.stringify(text)}: ID=CLIENT_URL,PEER_URL, like 1=ws://127.0.0.1:7401,ws://127.0.0.1:7501`,
    );
  }
  return { id: Number(id), clientUrl: client, peerUrl: peer };
}
