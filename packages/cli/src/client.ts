import { type Client, ConclaveError, type ConclaveErrorCode, connect } from '@conclave/client';
import type { Arguments, Option } from './command.ts';
import { exitCode, UsageError } from './exit.ts';

/** Of a command that goes on for as long as it is told to. */
export const endpointOptions: Readonly<Record<string, Option>> = {
  endpoints: {
    type: 'string',
    value: 'A,B',
    help: 'client URLs ($CONCLAVE_ENDPOINTS, else ws://127.0.0.1:7401 to 7403)',
  },
  json: { type: 'boolean', help: 'standard output holds data only, as JSON' },
};

/** What every other command that talks to a cluster takes. */
export const clientOptions: Readonly<Record<string, Option>> = {
  ...endpointOptions,
  'timeout-ms': { type: 'string', value: 'MS', help: 'how long the whole command may take (10000)' },
};

export const consistencyOption: Readonly<Record<string, Option>> = {
  consistency: {
    type: 'string',
    value: 'C',
    help: 'linearizable (default) or local: what the member has, and how old',
  },
};

export const reasonOption: Readonly<Record<string, Option>> = {
  reason: { type: 'string', value: 'TEXT', help: 'why, kept with the revision' },
};

const defaultEndpoints = ['ws://127.0.0.1:7401', 'ws://127.0.0.1:7402', 'ws://127.0.0.1:7403'];
const defaultTimeoutMs = 10_000;
const maxTimeoutMs = 3_600_000;

export function endpointsOf(parsed: Arguments): string[] {
  const given = parsed.text('endpoints') ?? process.env['CONCLAVE_ENDPOINTS'];
  if (given === undefined) return defaultEndpoints;
  const endpoints = given.split(',').map((one) => one.trim());
  const wrong = endpoints.find((one) => !/^wss?:\/\/./.test(one));
  if (wrong !== undefined) throw new UsageError(`endpoint ${JSON.stringify(wrong)}: a URL like ws://127.0.0.1:7401`);
  return endpoints;
}

export function timeoutOf(parsed: Arguments): number {
  return parsed.number('timeout-ms', 1, maxTimeoutMs, defaultTimeoutMs);
}

export function consistencyOf(parsed: Arguments): 'linearizable' | 'local' {
  const text = parsed.text('consistency') ?? 'linearizable';
  if (text !== 'linearizable' && text !== 'local') {
    throw new UsageError(`--consistency ${JSON.stringify(text)}: linearizable or local`);
  }
  return text;
}

export function reasonOf(parsed: Arguments): { readonly reason?: string } {
  const reason = parsed.text('reason');
  return reason === undefined ? {} : { reason };
}

/** A key each instead of a session: a command does one thing and goes. */
export async function withClient<T>(
  parsed: Arguments,
  work: (client: Client) => Promise<T>,
  identity: 'session' | 'idempotency-key' = 'idempotency-key',
): Promise<T> {
  const author = `${process.env['USER'] ?? 'somebody'} (conclave)`;
  const timeoutMs = Math.min(timeoutOf(parsed), defaultTimeoutMs);
  await using client = await connect({ endpoints: endpointsOf(parsed), author, identity, timeoutMs });
  return await work(client);
}

const codes: Readonly<Partial<Record<ConclaveErrorCode, number>>> = {
  INVALID_ARGUMENT: exitCode.usage,
  NOT_FOUND: exitCode.negative,
  COMPACTED: exitCode.negative,
  FUTURE_REVISION: exitCode.negative,
  TOO_LARGE: exitCode.refusedByLimit,
  LIMIT_EXCEEDED: exitCode.refusedByLimit,
  OVERLOADED: exitCode.refusedByLimit,
  NO_SPACE: exitCode.refusedByLimit,
  LOCK_LOST: exitCode.holdLost,
  SESSION_EXPIRED: exitCode.holdLost,
  FENCED: exitCode.holdLost,
};

/** What the process ends with; everything that is not told apart is "could not be done now". */
export function exitCodeOf(error: ConclaveError): number {
  if (error.outcome === 'unknown') return exitCode.outcomeUnknown;
  return codes[error.code] ?? exitCode.unavailable;
}

export { ConclaveError };
