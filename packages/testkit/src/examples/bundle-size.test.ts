import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { root } from '../workspace/packages.ts';

/** All of the SDK, minified, as a page loads it. Measured 30,225: of 94 KB the client is 60, the protocol 34. */
const maxGzippedBytes = 30_600;

test('the browser entry of the client stays small, and holds nothing of Node', async (context) => {
  const { metafile, outputFiles } = await build({
    stdin: { contents: "export * from '@conclave/client';", resolveDir: join(root, 'docs/examples') },
    bundle: true,
    format: 'esm',
    minify: true,
    platform: 'browser',
    target: 'es2022',
    conditions: ['conclave-source'],
    metafile: true,
    write: false,
  });
  const size = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
  context.diagnostic(`${size} bytes gzipped`);
  assert.ok(size > 0 && size <= maxGzippedBytes, `${size} bytes gzipped, ${maxGzippedBytes} allowed`);
  const inputs = Object.keys(metafile.inputs);
  assert.deepEqual(
    inputs.filter((path) => path.includes('websocket.node') || path.includes('/ws/')),
    [],
  );
});
