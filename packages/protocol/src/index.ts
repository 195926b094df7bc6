export * from './command.ts';
export * from './error.ts';
export * from './event.ts';
export { limits } from './limits.ts';
export * from './operation.ts';
export * from './result.ts';
