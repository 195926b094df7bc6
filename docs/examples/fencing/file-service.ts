// http.ts at work: a service that keeps texts in files, which know no transactions. PUT /NAME with the fence of the lock NAME; GET /NAME.
// The fences are in a database beside the files, so that a restart forgets none.
//
//   file-service.ts FOLDER [PORT]

import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import wasm from 'node-sqlite3-wasm';
import { fenced } from './http.ts';
import { claimFence, createFences } from './sqlite.ts';

const [folder = '.', port = '8091'] = process.argv.slice(2);
const database = new wasm.Database(join(folder, 'fences.db'));
createFences(database);

const nameOf = ({ url = '/' }: IncomingMessage): string => encodeURIComponent(url.slice(1));

interface Put extends IncomingMessage {
  readonly body: string;
}

const put = fenced<Put, ServerResponse>(
  { fences: { claim: (name, fence) => claimFence(database, { name, fence }) }, lockOf: nameOf },
  async (request, response) => {
    const file = join(folder, `${nameOf(request)}.txt`);
    await writeFile(`${file}.new`, request.body);
    await rename(`${file}.new`, file);
    response.writeHead(204).end();
  },
);

const server = createServer((request, response) => {
  if (request.method === 'PUT') {
    // Before the gate: a holder that is stopped in the middle of sending must not hold up the next one.
    text(request).then(
      (body) => put(Object.assign(request, { body }), response),
      () => response.destroy(),
    );
  } else {
    readFile(join(folder, `${nameOf(request)}.txt`), 'utf8').then(
      (content) => response.writeHead(200).end(content),
      () => response.writeHead(404).end(),
    );
  }
});
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`files are served at http://127.0.0.1:${address?.port}`);
});
