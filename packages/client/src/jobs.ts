// Work that one of many instances does: `@conclave/client/jobs`. Apart from the client itself, which need not know what a cron expression is.
export { type CatchUp, type CronContext, type CronHandle, type CronOptions, type CronRun, cron } from './jobs/cron.ts';
export { resetCron } from './jobs/cron-state.ts';
export { forgetOnce, type OnceContext, type OnceOptions, type OnceOutcome, once, onceOutcome } from './jobs/once.ts';
export { type JobContext, JobNotBegun, type JobOutcome } from './jobs/run.ts';
