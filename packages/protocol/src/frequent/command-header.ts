// The header of a command in the log, and the identity in it and in a request, read straight from their bytes.
import { type CommandHeader, commandVersion, type Identity } from '../command.ts';
import { limits } from '../limits.ts';
import { type Cursor, cursor } from './cursor.ts';

const sessionTag = 1;
const nobody: Identity = { by: 'none' };

/** As `commandHeader` of command-schema.ts reads it from the first `end` bytes; null: anything unusual. `cursor.rest()` is what follows. */
export function readCommandHeader(bytes: Uint8Array, end: number): CommandHeader | null {
  const from = cursor.begin(bytes, end);
  from.array(8);
  const header: CommandHeader = {
    version: from.integer(1, commandVersion),
    clusterTimeMs: from.integer(0),
    wallTimeMs: from.integer(0),
    identity: readIdentity(from),
    author: from.nullableText(limits.maxAuthorBytes),
    reason: from.nullableText(limits.maxReasonBytes),
  };
  from.nil();
  from.nil();
  return from.failed ? null : header;
}

/** That of a session. Fails for the others. */
export function readIdentity(from: Cursor): Identity {
  from.array(5);
  from.integer(sessionTag, sessionTag);
  if (from.failed) return nobody;
  return {
    by: 'session',
    session: from.integer(1),
    sequence: from.integer(1),
    acknowledgedBelow: from.integer(1),
    epoch: from.integer(0),
  };
}
