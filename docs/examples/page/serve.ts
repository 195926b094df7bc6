// Bundles follow.ts for browsers and serves the page.
//
//   npx tsx docs/examples/page/serve.ts                                   (prints its address)
//   npm start -- --allow-origin http://127.0.0.1:8081
//
// A member answers pages of its own address and of origins that it was told of: without --allow-origin it refuses this page, because
// anybody's page could otherwise use the network that its visitor is in.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'esbuild';

const { outputFiles } = await build({
  entryPoints: [join(import.meta.dirname, 'follow.ts')],
  bundle: true,
  format: 'esm',
  minify: true,
  platform: 'browser',
  target: 'es2022',
  // Only in this repository: the packages' sources, so that nothing has to be built before.
  conditions: ['conclave-source'],
  write: false,
});
const script = outputFiles[0]?.contents;
const page = await readFile(join(import.meta.dirname, 'index.html'));

const server = createServer((request, response) => {
  if (request.url === '/follow.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
  else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
});
server.listen(Number(process.argv[2] ?? 8_081), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`the page is at http://127.0.0.1:${address?.port}`);
});
