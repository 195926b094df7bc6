// Loaded before each test file. What is still open when the last test of a file is over (a server, a child's pipe) does not keep the file
// going. Node's own `forceExit` does not wait until a runner that is busy has read the outcomes: what the pipe has no room for is lost
// (Node 20.20). Nor may the process end by itself: then it now and then waits for ever, in a busy loop, for a handle that never closes.
import { AsyncResource } from 'node:async_hooks';
import { isMainThread } from 'node:worker_threads';

/** How often is looked whether everything was read, and for how long nothing more may come. */
const quietMs = 25;

// Worker threads and programs that a test starts may inherit the flag that loads this.
const isTestFile = isMainThread && /\.test\.m?ts$/.test(process.argv[1] ?? '');
if (isTestFile && process.env.NODE_TEST_CONTEXT !== undefined) {
  const { after } = await import('node:test');
  // Hooks run in the order in which they were registered, and the file registers its own after this: the first one appends the last one.
  // Bound, because what is registered inside a hook would belong to that hook.
  const append = AsyncResource.bind(() => after(() => exitWhenRead(false)));
  after(() => append());
}

/** Twice in a row nothing waits: the outcomes come a few at a time, as there is room. */
function exitWhenRead(wasQuiet) {
  setTimeout(() => {
    const isQuiet = process.stdout.writableLength === 0;
    if (wasQuiet && isQuiet) process.exit();
    exitWhenRead(isQuiet);
  }, quietMs);
}
