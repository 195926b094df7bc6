import { createServer } from 'node:net';

/**
 * TCP ports on 127.0.0.1 that are free now and that nobody is given by chance while the member behind them is down: they lie below the
 * range from which the system takes the ports of outgoing connections (32768 and up on Linux, 49152 elsewhere).
 */
const lowestPort = 12_000;
const highestPort = 32_000;
const maxAttempts = 1_000;

export async function stablePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; attempt < maxAttempts && ports.size < count; attempt++) {
    const port = lowestPort + Math.floor(Math.random() * (highestPort - lowestPort));
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  if (ports.size < count) throw new Error(`${maxAttempts} attempts found no ${count} free ports`);
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
