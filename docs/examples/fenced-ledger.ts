// The other end of a fence: a store outside Conclave that refuses a writer whose fence is smaller than one that it has seen.
//
// In a database it is a condition of the write: UPDATE ledger SET …, fence = $fence WHERE fence <= $fence; no row: refused.
// Here it is one process and its memory, to be seen at work: POST {job, fence, worker} is answered 201 or 409, GET tells everything.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

const Line = z.object({ job: z.number(), fence: z.number(), worker: z.string() });
const lines: z.infer<typeof Line>[] = [];

const server = createServer((request, response) => {
  const answer = (status: number, body = '') => response.writeHead(status).end(body);
  if (request.method !== 'POST') answer(200, JSON.stringify(lines));
  else
    json(request).then(
      (body) => answer(append(body)),
      () => answer(400),
    );
});

/** Nothing is awaited between the look and the write: no other writer comes in between. */
function append(body: unknown): number {
  const { data: line } = Line.safeParse(body);
  if (line === undefined) return 400;
  if (line.fence < (lines.at(-1)?.fence ?? 0)) return 409;
  lines.push(line);
  return 201;
}

server.listen(Number(process.argv[2] ?? 8_090), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`the ledger is at http://127.0.0.1:${address?.port}`);
});
