/** Those by which a terminal, a shell and a supervisor ask a process to end. */
export const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** The first of them; the next one ends the process as ever. What is returned takes it back. */
export function onEndSignal(run: () => void): () => void {
  for (const name of endSignals) process.once(name, run);
  return () => {
    for (const name of endSignals) process.off(name, run);
  };
}
