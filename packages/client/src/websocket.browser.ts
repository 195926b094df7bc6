import type { OpenSocket } from './environment.ts';
import { openStandardSocket } from './link/standard-socket.ts';

export const openSocket: OpenSocket = (url, events) => openStandardSocket(WebSocket, url, events);
