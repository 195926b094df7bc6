import { defaultOptions, type RaftOptions } from '@conclave/core';
import type { MemberSettings } from './settings.ts';

export function raftOptions({ electionMs, heartbeatMs, id, keptLog }: MemberSettings): RaftOptions {
  const { entries, bytes } = keptLog ?? { entries: defaultOptions.keptLogEntries, bytes: defaultOptions.keptLogBytes };
  return { ...defaultOptions, id, electionMs, heartbeatMs, keptLogEntries: entries, keptLogBytes: bytes };
}
