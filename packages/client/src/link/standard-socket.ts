import { subprotocol } from '@conclave/protocol';
import type { Socket, SocketEvents } from '../environment.ts';

/** A socket as browsers have it. */
export function openStandardSocket(Implementation: typeof WebSocket, url: string, events: SocketEvents): Socket {
  let closed = false;
  const end = (reason: string): void => {
    if (closed) return;
    closed = true;
    events.closed(reason);
  };
  let socket: WebSocket;
  try {
    socket = new Implementation(url, subprotocol);
  } catch (error) {
    queueMicrotask(() => end(error instanceof Error ? error.message : 'the URL is refused'));
    return { send: () => {}, close: () => (closed = true) };
  }
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('open', () => {
    if (!closed) events.opened();
  });
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (closed) return;
    if (!(data instanceof ArrayBuffer)) return end('a text message');
    events.received(new Uint8Array(data));
  });
  // Says nothing; a close follows, which does.
  socket.addEventListener('error', () => {});
  socket.addEventListener('close', ({ code }) => end(`closed with code ${code}`));
  return {
    send: (frame) => {
      if (!closed && socket.readyState === Implementation.OPEN) socket.send(new Uint8Array(frame));
    },
    close: () => {
      closed = true;
      socket.close();
    },
  };
}
