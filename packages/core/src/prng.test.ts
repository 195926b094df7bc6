import assert from 'node:assert/strict';
import { test } from 'node:test';
import { x } from './prng.ts';

test('x', () => assert.equal(x, 1));
