import { subprotocol, wireLimits } from '@conclave/protocol';
import { WebSocket } from 'ws';
import type { OpenSocket, Socket, SocketEvents } from './environment.ts';

/** ws, and not the global WebSocket, which Node 20 lacks. */
export const openSocket: OpenSocket = (url, events) => {
  try {
    return open(url, events);
  } catch (error) {
    // A URL that is none.
    queueMicrotask(() => events.closed(error instanceof Error ? error.message : 'the URL is refused'));
    return { send: () => {}, close: () => {} };
  }
};

function open(url: string, events: SocketEvents): Socket {
  const socket = new WebSocket(url, subprotocol, {
    perMessageDeflate: false,
    maxPayload: wireLimits.maxMemberFrameBytes,
  });
  socket.binaryType = 'nodebuffer';
  let closed = false;
  const end = (reason: string): void => {
    if (closed) return;
    closed = true;
    events.closed(reason);
  };
  socket.on('open', () => {
    if (!closed) events.opened();
  });
  socket.on('message', (data, isBinary) => {
    if (closed) return;
    if (!isBinary || !(data instanceof Uint8Array)) return end('a text message');
    events.received(data);
  });
  socket.on('error', (error) => {
    end(error.message);
    socket.terminate();
  });
  socket.on('close', (code) => end(`closed with code ${code}`));
  return {
    send: (frame) => {
      if (!closed) socket.send(frame);
    },
    close: () => {
      closed = true;
      // A member that answers nothing does not answer a closing handshake either; its socket must not keep the process alive.
      if (socket.readyState === WebSocket.OPEN) socket.close();
      setTimeout(() => socket.terminate(), terminateAfterMs).unref();
    },
  };
}

const terminateAfterMs = 500;
