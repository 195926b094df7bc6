import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CannotRunError } from '../cannot-run.ts';
import { checkPackages } from './requirements.ts';

test('what is missing is named, with the command that installs it', () => {
  assert.throws(
    () => checkPackages((file) => file === '/usr/bin/go'),
    (error) =>
      error instanceof CannotRunError &&
      error.message ===
        'missing Debian packages: etcd-server, golang-etcd-server-dev (apt-get install etcd-server golang-etcd-server-dev)',
  );
  checkPackages(() => true);
});
