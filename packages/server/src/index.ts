export { type MemberOptions, OptionError } from './options.ts';
export { type RunningMember, startMember } from './start-member.ts';
