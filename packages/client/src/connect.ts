import { openSocket } from '#websocket';
import type { Client } from './client.ts';
import { type ConnectOptions, createClient } from './create-client.ts';
import type { Environment, Timers } from './environment.ts';

/** Resolves when a member has answered; rejects with ConclaveError when none does within `timeoutMs` (10 s). */
export async function connect(options: ConnectOptions): Promise<Client> {
  return createClient(realEnvironment, options);
}

const timers: Timers = {
  after: (delayMs, run) => {
    // What is further away than timers reach is never waited for: 24 days.
    const timer = setTimeout(run, Math.min(delayMs, 0x7fff_ffff));
    return () => clearTimeout(timer);
  },
  soon: atEndOfTurn(),
};

/** Of a process or a page. */
export const realEnvironment: Environment = {
  clock: { nowMs: () => performance.now(), wallMs: () => Date.now() },
  timers,
  random: { fraction: () => Math.random(), bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
  openSocket,
  report: (error, where) => console.error(`conclave: ${where}:`, error),
};

/** After everything that has arrived was handled. Browsers have no setImmediate, and a timer of theirs waits for 4 ms. */
function atEndOfTurn(): (run: () => void) => void {
  const { setImmediate } = globalThis as { readonly setImmediate?: (run: () => void) => void };
  if (setImmediate !== undefined) return setImmediate;
  const queue: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener('message', () => queue.shift()?.());
  port1.start();
  return (run) => {
    queue.push(run);
    port2.postMessage(null);
  };
}
