// What was, who did it and why, and how to have it again: `@conclave/client/history`. Apart from the client itself, which only needs what is.
export {
  type ConfigDiff,
  type ConfigDiffOptions,
  configDiff,
  configHistory,
  type RollbackOptions,
  type RolledBack,
  rollbackConfig,
} from './history/config-history.ts';
export { type Difference, differences, type Json } from './history/difference.ts';
export { type HistoryOptions, type KeyHistory, type KeyRevision, keyHistory } from './history/key-history.ts';
