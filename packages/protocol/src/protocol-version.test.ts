import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { schemaText } from '../testing/schema-tables.ts';
import { errorCodes } from './error.ts';
import { commonVersion, minProtocolVersion, protocolVersion } from './protocol-version.ts';

const history = [
  ...readFileSync(join(import.meta.dirname, 'protocol-version.ts'), 'utf8').matchAll(
    /^\/\/ (\d+) ([0-9a-f]{16}) (.+)$/gm,
  ),
].map(([, version, hash]) => ({ version: Number(version), hash }));

test('the history names every version once, in order, up to the present one', () => {
  assert.deepEqual(
    history.map(({ version }) => version),
    Array.from({ length: protocolVersion }, (_, i) => i + 1),
  );
  assert.ok(minProtocolVersion >= 1 && minProtocolVersion <= protocolVersion);
});

test('the schema is that of the present version: whoever changes the wire says so', () => {
  const hash = createHash('sha256').update(schemaText()).digest('hex').slice(0, 16);
  assert.equal(
    history.at(-1)?.hash,
    hash,
    `the schema's hash is ${hash}: if the last version is released, add a new one to protocol-version.ts; if not, update its line`,
  );
});

test('no two error codes have one number', () => {
  const numbers = Object.values(errorCodes).map(({ number }) => number);
  assert.equal(new Set<number>(numbers).size, numbers.length);
});

test('two ranges settle on the highest version that both hold', () => {
  assert.equal(commonVersion(1, 1), 1);
  assert.equal(commonVersion(1, 900), protocolVersion);
  assert.equal(commonVersion(protocolVersion + 1, 900), null);
  assert.equal(commonVersion(0, 0), null);
});
