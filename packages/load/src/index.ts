export type { Work } from './options.ts';
export { connectionsFor, type LoadOptions, works } from './options.ts';
export type { LoadProgress, LoadReport, Verified } from './report.ts';
export { runLoad } from './run-load.ts';
