import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

test('the memory storage runs where there is no Node: nothing that it imports imports one of its modules', () => {
  const seen = new Set<string>();
  const foreign: string[] = [];
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = readFileSync(file, 'utf8');
    assert.doesNotMatch(source.replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, ''), /\b(Buffer|process)[.<]/, file);
    for (const [, erased, specifier] of source.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'/gm)) {
      if (erased !== undefined) continue;
      if (specifier!.startsWith('.')) visit(join(dirname(file), specifier!));
      else foreign.push(`${file}: ${specifier}`);
    }
  };
  visit(join(import.meta.dirname, 'memory.ts'));
  assert.ok(seen.size > 5);
  assert.deepEqual(foreign, []);
});
