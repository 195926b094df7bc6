// `guardian.process.ts FAMILY`: outlives the test process that started it, by a moment. When its standard input closes, which the kernel
// does however the test process ended (also by kill -9), it ends the family and then removes the directories it was told of.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { endFamily } from './family.ts';
import { unmountBelow } from './mounts.ts';

const [family = ''] = process.argv.slice(2);
const directories = new Set<string>();

for await (const line of createInterface({ input: process.stdin })) {
  const path = line.slice(1);
  if (line.startsWith('+')) directories.add(path);
  else directories.delete(path);
}
await endFamily(family);
for (const path of directories) {
  unmountBelow(path);
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}
