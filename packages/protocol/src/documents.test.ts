// docs/ cannot lie about positions, fields, types, limits and error numbers: `npm run regenerate -- --write` in this package puts right
// what these tests find.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsDocument, missingTables, protocolDocument, read, refreshed } from '../testing/documents.ts';
import { tables } from '../testing/schema-tables.ts';

test('the tables of docs/protocol.md are the schema tables', () => {
  const document = read(protocolDocument);
  assert.equal(document, refreshed(document));
});

test('docs/protocol.md has every table of the schema, and every limit', () => {
  assert.deepEqual(missingTables(read(protocolDocument)), []);
});

test('the table of docs/errors.md is the table of error codes', () => {
  const document = read(errorsDocument);
  assert.equal(document, refreshed(document));
  assert.match(document, /`OUTCOME_UNKNOWN`/);
});

test('every structure that a table of the schema names has a table of its own', () => {
  const named = [...tables.values()]
    .flatMap(({ fields }) => fields.map(({ type }) => type.name))
    .flatMap((name) => [...name.matchAll(/(?:^|× )([A-Z][A-Za-z]+)(?=,|$)/g)].map(([, structure]) => structure!));
  const known = new Set([...tables.keys()].map((name) => name.split('.')[0]));
  // Its operations are those of the operation and result tables.
  const sameAs = new Set(['TxnOperation', 'TxnOperationResult']);
  assert.deepEqual(
    named.filter((name) => !known.has(name) && !sameAs.has(name)),
    [],
  );
  assert.ok(named.length > 20);
});

test('a wrong table is noticed', () => {
  const document = read(protocolDocument);
  const wrong = document.replace('| 1 | `minVersion` |', '| 2 | `minVersion` |');
  assert.notEqual(wrong, document);
  assert.notEqual(refreshed(wrong), wrong);
});
