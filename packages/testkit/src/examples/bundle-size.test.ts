import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { root } from '../workspace/packages.ts';

/**
 * The SDK minified, as a page loads it: first all of it but mirrors and documents, which come when they are first asked for (`@conclave/client/live`).
 * Measured 32,041 and 6,198; a bundler that makes one file of everything makes the sum of it.
 */
const maxFirstBytes = 32_400;
const maxLiveBytes = 6_400;

async function bundle(contents: string, plugins: esbuild.Plugin[] = []): Promise<{ size: number; inputs: string[] }> {
  const { metafile, outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: join(root, 'docs/examples') },
    bundle: true,
    format: 'esm',
    minify: true,
    platform: 'browser',
    target: 'es2022',
    conditions: ['conclave-source'],
    metafile: true,
    write: false,
    plugins,
  });
  const size = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
  return { size, inputs: Object.keys(metafile.inputs) };
}

/** Loaded later, as bundlers do that keep in the first file what both need. */
const liveLater: esbuild.Plugin = {
  name: 'live later',
  setup: (build) => {
    build.onResolve({ filter: /live\.ts$/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : null,
    );
  },
};

test('what a page loads of the client stays small, and holds nothing of Node', async (context) => {
  const first = await bundle("export * from '@conclave/client';", [liveLater]);
  const all = await bundle("export * from '@conclave/client';");
  context.diagnostic(`${first.size} bytes gzipped first, ${all.size - first.size} with mirrors and documents`);
  assert.ok(first.size > 0 && first.size <= maxFirstBytes, `${first.size} bytes gzipped, ${maxFirstBytes} allowed`);
  const live = all.size - first.size;
  assert.ok(live > 0 && live <= maxLiveBytes, `${live} bytes gzipped, ${maxLiveBytes} allowed`);
  assert.deepEqual(
    all.inputs.filter((path) => path.includes('websocket.node') || path.includes('/ws/')),
    [],
  );
});
