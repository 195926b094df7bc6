export { encodeJoinToken, type JoinToken, joinSecretBytes } from './join-token.ts';
export { OptionError } from './option-error.ts';
export type { FoundingOptions, JoiningOptions, MemberOptions } from './options.ts';
export { type RunningMember, startMember } from './start-member.ts';
