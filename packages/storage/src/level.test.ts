import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { founders, member } from './conformance/entries.ts';
import { conformance } from './conformance/suite.ts';
import { initStorage } from './init.ts';
import { openStorage } from './open.ts';

conformance({
  name: 'LevelDB',
  failsOnDemand: false,
  modelRuns: 25,
  create: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'conclave-storage-'));
    const options = { directory, clusterId: 'conformance', memberId: member(1), reserveBytes: 0 };
    await initStorage({ ...options, configuration: founders });
    return { open: async () => openStorage(options), dispose: async () => rm(directory, { recursive: true }) };
  },
});
