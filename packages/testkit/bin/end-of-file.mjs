// Loaded before each test file. What is still open when the last test of a file is over (a server, a child's pipe) does not keep the file
// going. Node's own `forceExit` ends the process before the last outcomes are written: of 49 tests it reported 42 (Node 20.20). Nor may the
// process end by itself: then Node 20.20 now and then waits for ever, in a busy loop, for a handle of its own that never closes.
import { AsyncResource } from 'node:async_hooks';
import { isMainThread } from 'node:worker_threads';

/** For the outcomes to be written, by an event loop that has nothing else to do. */
const graceMs = 50;

// Worker threads and programs that a test starts may inherit the flag that loads this.
const isTestFile = isMainThread && /\.test\.m?ts$/.test(process.argv[1] ?? '');
if (isTestFile && process.env.NODE_TEST_CONTEXT !== undefined) {
  const { after } = await import('node:test');
  // Hooks run in the order in which they were registered, and the file registers its own after this: the first one appends the last one.
  // Bound, because what is registered inside a hook would belong to that hook.
  const append = AsyncResource.bind(() => after(() => void setTimeout(() => process.exit(), graceMs)));
  after(() => append());
}
