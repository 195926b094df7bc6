export { type InspectedSnapshot, inspectSnapshot } from './backup/inspect.ts';
export { type RestoredMember, type RestoreOptions, restoreMember } from './backup/restore.ts';
export {
  type ExportedData,
  exportData,
  type LogExtent,
  type VerifiedData,
  verifyData,
} from './backup/stopped-member.ts';
export { encodeJoinToken, type JoinToken, joinSecretBytes } from './join-token.ts';
export { OptionError } from './option-error.ts';
export type { FoundingOptions, JoiningOptions, MemberOptions } from './options.ts';
export { type RunningMember, startMember } from './start-member.ts';
