import { defaultOptions, type RaftOptions } from '@conclave/core';
import type { MemberSettings } from './settings.ts';

export function raftOptions({ electionMs, heartbeatMs, id }: MemberSettings): RaftOptions {
  return { ...defaultOptions, id, electionMs, heartbeatMs };
}
