import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientSocket } from '../environment.ts';
import { bounds } from '../settings.ts';
import { RequestWindow } from './request-window.ts';

function window(): { readonly window: RequestWindow; readonly said: string[] } {
  const said: string[] = [];
  const socket: ClientSocket = {
    send: () => {},
    bufferedBytes: 0,
    pause: () => said.push('pause'),
    resume: () => said.push('resume'),
    close: () => {},
  };
  return { window: new RequestWindow(socket), said };
}

test('a socket is not read above the window, and again below half of it', () => {
  const { said, window: it } = window();
  const answers = Array.from({ length: bounds.windowRequests }, () => it.enter(1));
  assert.deepEqual(said, ['pause']);
  const half = bounds.windowRequests / 2;
  for (const answered of answers.slice(0, half)) answered();
  assert.deepEqual(said, ['pause']);
  answers[half]?.();
  assert.deepEqual(said, ['pause', 'resume']);
});

test('bytes count as requests do, and an answer counts once', () => {
  const { said, window: it } = window();
  const large = it.enter(bounds.windowBytes);
  const small = it.enter(1);
  small();
  small();
  assert.deepEqual(said, ['pause']);
  large();
  assert.deepEqual(said, ['pause', 'resume']);
});

test('a socket that is gone is told nothing', () => {
  const { said, window: it } = window();
  const answered = it.enter(bounds.windowBytes);
  it.close();
  answered();
  assert.deepEqual(said, ['pause']);
});
