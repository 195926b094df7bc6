#!/usr/bin/env node
// A committed file, because a bin that points into dist/ is not linked by a fresh install.
// LevelDB's synced writes hold a thread of libuv's pool each; with the default of four, everything else that needs one would wait for
// them. Read once, at the pool's first use: so it is set before anything else is loaded.
process.env.UV_THREADPOOL_SIZE ??= '16';
process.umask(0o077);
await import('../dist/main.js');
