// One member of the bare path (bare-path.ts): `DIRECTORY FOLLOWER_PORT…`. With ports it leads, without it follows. Prints its own port.
import { connect, createServer, type Socket } from 'node:net';
import { ClassicLevel } from 'classic-level';
import { acknowledgement, forEachRecord } from './bare-path.ts';
import { median } from './statistics.ts';

const [directory, ...followerPorts] = process.argv.slice(2);
if (directory === undefined) throw new Error('a directory is needed');
const level = new ClassicLevel<string, Uint8Array>(directory, { valueEncoding: 'view' });
await level.open();
const followers = followerPorts.map((port) => connect({ port: Number(port), host: '127.0.0.1', noDelay: true }));

let next = 0;
/** How many records each of the members has on its disk, this one first. */
const durable = [0, ...followers.map(() => 0)];
let answered = 0;
let asker: Socket | null = null;

function advance(): void {
  const committed = followers.length === 0 ? (durable[0] ?? 0) : median(durable);
  for (; answered < committed; answered++) asker?.write(acknowledgement);
}

for (const [at, follower] of followers.entries()) {
  follower.on('data', (acknowledgements) => {
    durable[at + 1] = (durable[at + 1] ?? 0) + acknowledgements.length;
    advance();
  });
}

const server = createServer({ noDelay: true }, (socket) => {
  asker = socket;
  // Whoever measures goes away when it has measured.
  socket.on('error', () => socket.destroy());
  forEachRecord(socket, (record) => {
    for (const follower of followers) follower.write(record);
    void level.put(String(next++).padStart(12, '0'), record, { sync: true }).then(() => {
      durable[0] = (durable[0] ?? 0) + 1;
      advance();
    });
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(typeof address === 'object' && address !== null ? address.port : 0);
});
process.on('SIGTERM', () => process.exit(0));
