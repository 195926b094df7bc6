// Stands between a test and its children, in a session of its own: `guardian.mjs` reads process group ids from its standard
// input, and when that closes, which the kernel does however the test process ended (also by SIGKILL), kills what is left of them.
let buffered = '';
const groups = new Set();

process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  buffered += chunk;
  const lines = buffered.split('\n');
  buffered = lines.pop();
  for (const line of lines) {
    const [sign, id] = [line[0], Number(line.slice(1))];
    if (sign === '+') groups.add(id);
    else groups.delete(id);
  }
});
process.stdin.on('end', () => {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
});
