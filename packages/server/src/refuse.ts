import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { bounds } from './bounds.ts';

/**
 * Answers a request for an upgrade that is not granted, and lets the connection go. Node's HTTP server keeps such a socket open until the
 * other side closes its half, and neither counts it nor limits its time any more: one that never closes would be held for ever.
 */
export function refuse(socket: Socket, status: number, reason: string): void {
  const body = `${reason}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.once('finish', () => socket.destroy());
  // One that takes nothing never lets the answer leave.
  socket.setTimeout(bounds.closeTimeoutMs, () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
