// Reads what `strace -f -yy` wrote: who called what, on which file or socket, and where in the trace the call began and finished.

export interface SystemCall {
  readonly name: string;
  /** The path or the connection behind the first argument. */
  readonly target: string;
  readonly result: number;
  /** Lines of the trace: the calls of several threads overlap. */
  readonly began: number;
  readonly finished: number;
  readonly line: string;
}

const whole = /^(?<thread>\d+) +(?<name>\w+)\(\d+<(?<target>.*?)>(?:,.*)?\) += (?<result>-?\d+)/;
/** The descriptor's `>` is the one before a comma or the mark: a socket's name holds `->`. */
const begun = /^(?<thread>\d+) +(?<name>\w+)\(\d+<(?<target>.*?)>(?:,.*)? *<unfinished \.\.\.>$/;
const resumed = /^(?<thread>\d+) +<\.\.\. (?<name>\w+) resumed>.*\) += (?<result>-?\d+)/;

export function readTrace(text: string): SystemCall[] {
  const calls: SystemCall[] = [];
  /** By thread: a thread is in one call at a time. */
  const open = new Map<string, { readonly name: string; readonly target: string; readonly began: number }>();
  for (const [at, line] of text.split('\n').entries()) {
    const start = begun.exec(line)?.groups;
    if (start !== undefined) {
      open.set(start['thread'] ?? '', { name: start['name'] ?? '', target: targetOf(start['target']), began: at });
      continue;
    }
    const end = resumed.exec(line)?.groups;
    if (end !== undefined) {
      const call = open.get(end['thread'] ?? '');
      if (call !== undefined) calls.push({ ...call, result: Number(end['result']), finished: at, line });
      open.delete(end['thread'] ?? '');
      continue;
    }
    const call = whole.exec(line)?.groups;
    if (call === undefined) continue;
    const { name = '', result, target } = call;
    calls.push({ name, target: targetOf(target), result: Number(result), began: at, finished: at, line });
  }
  return calls;
}

function targetOf(text: string | undefined): string {
  return (text ?? '').replace(/^TCP:\[/, '');
}
