import { open, readFile } from 'node:fs/promises';
import { isClusterId, isMemberId, isUuid } from '../identity.ts';
import type { Identity } from '../storage.ts';
import { StorageError } from '../storage-error.ts';

/** Of the directory as a whole. The log, the state and the anchor have format numbers of their own. */
const format = 1;
const fileMode = 0o600;

export interface Member extends Identity {
  readonly storeUuid: string;
}

/** Durable but for its directory entry. */
export async function writeMemberFile(path: string, { clusterId, memberId, storeUuid }: Member): Promise<void> {
  const file = await open(path, 'w', fileMode);
  try {
    await file.writeFile(`${JSON.stringify({ format, clusterId, memberId, storeUuid }, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Rejects with `corrupt` or `unknown-format`. */
export async function readMemberFile(path: string): Promise<Member> {
  const parsed = parse(await readFile(path, 'utf8'));
  if (typeof parsed['format'] === 'number' && parsed['format'] !== format) {
    throw new StorageError(
      'unknown-format',
      `The directory has format ${parsed['format']}, and this release knows ${format}`,
    );
  }
  const { clusterId, memberId, storeUuid } = parsed;
  if (parsed['format'] !== format || !isClusterId(clusterId) || !isMemberId(memberId) || !isUuid(storeUuid)) {
    throw new StorageError('corrupt', 'The file member.json is damaged: a field is missing or wrong');
  }
  return { clusterId, memberId, storeUuid };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new StorageError('corrupt', 'The file member.json is damaged: it is no JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new StorageError('corrupt', 'The file member.json is damaged: it is no object');
  }
  return value as Readonly<Record<string, unknown>>;
}
