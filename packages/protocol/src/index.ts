export * from './byte-order.ts';
export {
  type ClientOperation,
  type Command,
  decodeClientOperation,
  decodeCommand,
  decodeEvents,
  decodeOperation,
  decodeResult,
  encodeCommand,
  encodeEvents,
  encodeOperation,
  encodeResult,
  isClientOperation,
  isReadOnly,
} from './codec.ts';
export * from './command.ts';
export * from './error.ts';
export * from './event.ts';
export { limits } from './limits.ts';
export * from './operation.ts';
export * from './reserved-key.ts';
export * from './result.ts';
