import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { subprotocol } from '@conclave/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { TestCluster } from '../../member/testing/cluster.ts';

/** Three members behind real sockets of this machine, as thin as can be: no more of a server than frames in and out. */
export async function serveCluster(): Promise<{ readonly cluster: TestCluster; stop(): Promise<void> }> {
  const servers = Array.from({ length: 3 }, () => {
    return new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => subprotocol });
  });
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const urls = servers.map((server) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const cluster = await TestCluster.start(3, urls);
  servers.forEach((server, at) => {
    server.on('connection', (socket) => attach(cluster, at + 1, socket));
  });
  return {
    cluster,
    stop: async () => {
      await cluster.stop();
      for (const server of servers) {
        for (const socket of server.clients) socket.terminate();
        server.close();
      }
    },
  };
}

function attach(cluster: TestCluster, id: number, socket: WebSocket): void {
  const connection = cluster.member(id)?.connectClient({
    send: (frame) => socket.send(frame),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.close(),
  });
  socket.on('message', (data: Buffer) => connection?.receive(data));
  socket.on('close', () => connection?.closed());
}
