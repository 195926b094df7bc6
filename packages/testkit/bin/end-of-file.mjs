// Loaded before each test file. What is still open when the last test of a file is over (a server, a child's pipe) does not keep the file
// going. Node's own `forceExit` ends the process before the last outcomes are written: of 49 tests it reported 42 (Node 20.20).
import { isMainThread } from 'node:worker_threads';

/** For the outcomes to be written, by an event loop that has nothing else to do. */
const graceMs = 250;

// Worker threads and programs that a test starts may inherit the flag that loads this.
const isTestFile = isMainThread && /\.test\.m?ts$/.test(process.argv[1] ?? '');
if (isTestFile && process.env.NODE_TEST_CONTEXT !== undefined) {
  const { after } = await import('node:test');
  after(() => setTimeout(() => process.exit(), graceMs).unref());
}
