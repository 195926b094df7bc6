// A request that would wait for ever is refused. Nothing closes a circle but an acquire that keeps something, and a hold that is to be had alone: they
// alone look.
import { ProtocolError } from '@conclave/protocol';
import { type LockRequest, requestName } from './lock.ts';
import { type Circle, Prospect } from './prospect.ts';

/** As things stand now. Throws DEADLOCK if one of these would wait for ever, and `undo` was called then. */
export function refuseDeadlock(waiting: readonly LockRequest[], undo: () => void): void {
  const circle = new Prospect().circleThrough(waiting);
  if (circle === null) return;
  undo();
  throw deadlock(circle);
}

export function deadlock(circle: Circle): ProtocolError {
  const text = circleText(circle);
  return new ProtocolError('DEADLOCK', `it would wait for itself: ${text}`, 'not-applied', { cycle: text });
}

/** For people: `lock "a" (7:3) → lock "b" (9:1) → lock "a" (7:3)`, with what each waits for, and the session and sequence of its request. */
function circleText(circle: Circle): string {
  const named = circle.map(({ lock, request: { owner, sequence } }) => {
    return `${lock.name.kind} "${printable(lock.name.name)}" (${requestName(owner, sequence)})`;
  });
  return [...named, named[0]].join(' → ');
}

const [space, tilde] = [0x20, 0x7e];

function printable(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    text += byte >= space && byte <= tilde ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
