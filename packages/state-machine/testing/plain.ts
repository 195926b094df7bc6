// Results and events as values that compare: bytes as hex, entries without getters.
import type { KeyEvent, RevisionEvents } from '@conclave/protocol';

export function hex(of: Uint8Array): string {
  return Array.from(of, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function ofHex(of: string): Uint8Array {
  return Uint8Array.from(of.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function bytes(of: string): Uint8Array {
  return Uint8Array.from(of, (char) => char.charCodeAt(0));
}

export function text(value: Uint8Array): string {
  return String.fromCharCode(...value);
}

/** Every byte array becomes hex, at any depth. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `0x${hex(value)}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

export function plainEvents(revisions: readonly RevisionEvents[]): unknown {
  return revisions.map((revision) => plain({ ...revision, events: revision.events.map(plainEvent) }));
}

/** With the previous entry, which an event reads when it is asked. */
export function plainEvent(event: KeyEvent): unknown {
  const { previous } = event;
  if (event.type === 'put') return { type: 'put', entry: event.entry, previous };
  return { type: 'delete', key: event.key, cause: event.cause, previous };
}
