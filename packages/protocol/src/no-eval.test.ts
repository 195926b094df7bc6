// A browser's Content-Security-Policy without `unsafe-eval`, and Node's --disallow-code-generation-from-strings, forbid what
// fast decoders do for records. Nothing of this package does.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('the codec works where code generation from strings is forbidden', () => {
  const program = `
    import { decodeClientFrame, decodeOperation, encodeClientFrame, encodeOperation } from './index.ts';
    try { new Function(''); console.log('eval is allowed'); } catch {}
    const key = new Uint8Array([1]);
    const operation = encodeOperation({ type: 'put', key, value: key, lease: null, returnPrevious: false });
    for (let id = 1; id < 10; id++) {
      const [message] = decodeClientFrame(
        encodeClientFrame([{ type: 'mutate', id, identity: { by: 'none' }, reason: 'r', deadlineMs: 1, operation }]),
      );
      decodeOperation(message.operation);
    }
    console.log('done');`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, '--disallow-code-generation-from-strings', '--input-type=module', '--eval', program],
    { encoding: 'utf8', cwd: join(import.meta.dirname) },
  );
  assert.equal(stdout, 'done\n', stderr);
});
