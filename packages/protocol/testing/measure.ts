// What the codec costs: `npm run measure` in this package. Frames of mutations that put 256 bytes, the hot path of a member and its
// clients; best of several rounds. Not a test: a machine has bad days.
import { decodeClientFrame, encodeClientFrame, encodeClientMessage, joinFrame } from '../src/client/frame.ts';
import { clientMessage } from '../src/client/message.ts';
import type { Mutate } from '../src/client/request.ts';
import {
  decodeClientMutation,
  decodeCommand,
  decodeOperation,
  encodeCommand,
  encodeOperation,
  encodeResult,
} from '../src/codec.ts';
import type { Put } from '../src/operation.ts';
import { operation as operationSchema } from '../src/operation-schema.ts';
import { decodedWhole } from '../src/schema/decode.ts';
import { list } from '../src/schema/structure.ts';

const calls = 100_000;
const rounds = 9;

function measure(what: string, perCall: number, run: () => void): void {
  const times = Array.from({ length: rounds }, () => {
    const started = process.hrtime.bigint();
    for (let i = 0; i < calls / perCall; i++) run();
    return Number(process.hrtime.bigint() - started) / calls / 1_000;
  });
  console.log(`${what.padEnd(56)} ${Math.min(...times).toFixed(2)} µs`);
}

const put: Put = {
  type: 'put',
  key: new Uint8Array(Buffer.from('orders/0000000042/state')),
  value: new Uint8Array(256).fill(7),
  lease: null,
  returnPrevious: false,
};
const operation = encodeOperation(put);
const frameType = list(clientMessage, 1_024);

for (const size of [16, 64]) {
  const messages = Array.from({ length: size }, (_, i): Mutate => {
    const identity = { by: 'session', session: 31, sequence: 1_000 + i, acknowledgedBelow: 990, epoch: 1 } as const;
    return { type: 'mutate', id: i + 1, identity, reason: null, deadlineMs: 5_000, operation };
  });
  const frame = encodeClientFrame(messages);
  console.log(`\n${size} mutations in a frame of ${frame.length} bytes; time per mutation`);
  measure('client: operation, message, frame', size, () => {
    joinFrame(messages.map((message) => encodeClientMessage({ ...message, operation: encodeOperation(put) })));
  });
  measure('client: frame at once, operations given', size, () => encodeClientFrame(messages));
  measure('member: frame', size, () => decodeClientFrame(frame));
  measure('member: frame, by the tables', size, () => decodedWhole(frameType, frame));
  measure('member: frame and operations', size, () => {
    for (const message of decodeClientFrame(frame))
      if (message.type === 'mutate') decodeClientMutation(message.operation);
  });
  measure('member: frame and operations, by the tables', size, () => {
    for (const message of decodedWhole(frameType, frame)) {
      if (message.type === 'mutate') decodedWhole(operationSchema, message.operation);
    }
  });
}

const header = {
  version: 1,
  clusterTimeMs: 5_000_000,
  wallTimeMs: 1_700_000_000_000,
  identity: { by: 'session', session: 31, sequence: 1_000, acknowledgedBelow: 990, epoch: 1 },
  author: 'host-a',
  reason: null,
} as const;
const command = encodeCommand(header, operation);
console.log('\none command and its answer');
measure('leader: encode the command', 1, () => encodeCommand(header, operation));
measure('every member: decode the command', 1, () => decodeCommand(command));
measure('every member: decode the operation', 1, () => decodeOperation(operation));
measure('leader: encode the result', 1, () => encodeResult({ type: 'put', revision: 1_000_000, previous: null }));
