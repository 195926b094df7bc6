import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHistory } from './reader.ts';

const get = '{"client":"c1","op":"get","key":"k","in":{},"out":{"value":1},"call_ns":1,"return_ns":2,"status":"ok"}';

test('a right line of each kind is read', () => {
  const lines = [
    get,
    '{"op":"init","key":"k","in":{"value":1}}',
    '{"client":"c1","op":"renew","key":null,"in":{"owner":"s"},"out":{},"call_ns":1,"return_ns":2,"status":"ok"}',
    '{"op":"lapse","key":"l","in":{"owner":"s","token":3},"call_ns":9,"status":"unknown"}',
    '{"op":"crash","client":"c1","call_ns":9}',
    '{"op":"event","rev":7,"key":"a","type":"put","value":1}',
    '{"op":"wevent","watch":"w","rev":7,"key":"a","type":"delete","batch":3}',
    '',
  ];
  assert.equal(parseHistory(lines.join('\n'), 'file').length, 7);
});

for (const [name, line, expected] of [
  ['no JSON', '{"op":', /^file, line 2: not JSON/],
  ['no object', '[]', /^file, line 2: record must be an object, is \[\]/],
  ['an unknown operation', '{"op":"toString"}', /^file, line 2: op "toString" is none of get, /],
  [
    'a missing status',
    get.replace('"ok"', '"good"'),
    /^file, line 2: status must be "ok", "fail" or "unknown", is "good"/,
  ],
  [
    'no value',
    get.replace('"value":1', ''),
    /^file, line 2: out\.value must be a value, or null for "absent", is missing/,
  ],
  ['a time that is a string', get.replace(':1,"return', ':"1","return'), /call_ns must be an integer.*, is "1"/],
  ['a return before its call', get.replace('_ns":2', '_ns":0'), /return_ns 0 lies before call_ns 1/],
  ['a written null', '{"op":"init","key":"k","in":{"value":null}}', /in\.value must be a value other than null/],
] as const) {
  test(`refused with line and field: ${name}`, () => {
    assert.throws(() => parseHistory(`${get}\n${line}\n`, 'file'), { name: 'HistoryError', message: expected });
  });
}

test('a torn last line is named as such', () => {
  assert.throws(
    () => parseHistory(`${get}\n{"op":"ge`, 'file'),
    /line 2: not JSON \(the last line: was its writer killed\?\)/,
  );
});
