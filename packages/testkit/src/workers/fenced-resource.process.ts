// A store of its own that has never heard of Conclave: it accepts no fence smaller than one that it has accepted. POST {resource, owner, token}
// answers {accepted, seq}; GET answers every use, in order. Prints the port that it listens on.
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

interface Use {
  readonly resource: string;
  readonly owner: string;
  readonly token: number;
}

const uses: (Use & { readonly accepted: boolean; readonly seq: number })[] = [];
const largest = new Map<string, number>();

async function answer(request: IncomingMessage): Promise<object> {
  if (request.method === 'GET') return uses;
  const use = JSON.parse(await text(request)) as Use;
  const accepted = use.token >= (largest.get(use.resource) ?? 0);
  if (accepted) largest.set(use.resource, use.token);
  const verdict = { accepted, seq: uses.length + 1 };
  uses.push({ ...use, ...verdict });
  return verdict;
}

const server = createServer((request, response) => {
  answer(request).then(
    (answered) => response.end(JSON.stringify(answered)),
    (error: unknown) => response.writeHead(400).end(String(error)),
  );
});
// A worker that was stopped comes back to the connection that it had.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(`listening on ${address.port}`);
});
