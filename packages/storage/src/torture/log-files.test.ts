// What happens to LevelDB's own files between two lives of a member. Without our checks LevelDB opens after most of these, silently,
// with a hole or an old end (study/reliability.md §0).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { AnchorFile } from '../anchor/anchor-file.ts';
import { bytes, entries, founders, index, job, plain, position } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { initStorage } from '../init.ts';
import { maskedCrc32c } from '../leveldb/crc32c.ts';
import { StorageError } from '../storage-error.ts';
import { flipByte, identity, killedCopy, newDirectory, newestFile, reopen, temporaryPlace } from './directories.ts';

const written = 300;

let pristineMember = '';

/** Entries of 1 KB, one a batch: LevelDB's log spans ten blocks. The state holds a checkpoint for each tenth. Killed while it ran. */
before(async () => {
  const place = await mkdtemp(join(tmpdir(), 'conclave-torture-'));
  const directory = join(place, 'member');
  await initStorage({ directory, ...identity, reserveBytes: 0, configuration: founders });
  const storage = await reopen(directory);
  for (let at = 1; at <= written; at++) {
    await storage.log.persist([job({ term: 1, commit: at - 1, entries: entries(at, at, 1, 1000) })]);
    if (at % 10 > 0) continue;
    const changes = [{ key: bytes(`key ${at}`), value: new Uint8Array(5000).fill(at) }];
    await storage.state.checkpoint({
      position: position(at - 1, 1),
      configuration: founders,
      digest: bytes(''),
      changes,
    });
  }
  pristineMember = await killedCopy(directory);
  await storage.close();
});

after(async () => rm(dirname(pristineMember), { recursive: true }));

async function killedMember(context: TestContext): Promise<string> {
  const directory = join(await temporaryPlace(context), 'killed');
  await cp(pristineMember, directory, { recursive: true });
  return directory;
}

async function refusal(directory: string): Promise<StorageError> {
  const error: unknown = await reopen(directory).then(
    async (storage) => storage.close(),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof StorageError, `it opened, or failed in another way: ${String(error)}`);
  return error;
}

test('a killed member comes back with everything', async (context) => {
  const directory = await killedMember(context);
  const storage = await reopen(directory);
  assert.equal(storage.log.tail, written);
  assert.deepEqual(plain(await storage.log.read(index(1), index(written), 1e9)), entries(1, written, 1, 1000));
  assert.equal(storage.state.checkpointed?.position.index, written - 1);
  assert.deepEqual(storage.notes, []);
  await storage.close();
});

for (const name of ['log', 'state'] as const) {
  test(`a byte flipped anywhere before the last batch of ${name}/*.log is refused before LevelDB opens it, and again`, async (context) => {
    const killed = await killedMember(context);
    const file = await newestFile(join(killed, name), '.log');
    const pristine = await readFile(file);
    const last = name === 'log' ? 1500 : 5500;
    for (let at = 3; at < pristine.length - last; at += Math.floor(pristine.length / 40)) {
      await flipByte(file, at);
      for (let attempt = 0; attempt < 2; attempt++) {
        const error = await refusal(killed);
        assert.equal(error.code, 'corrupt', `byte ${at}: ${error.message}`);
        assert.match(error.message, new RegExp(`${name}/\\d+\\.log is damaged at byte \\d+`));
      }
      await writeFile(file, pristine);
    }
    await (await reopen(killed)).close();
  });
}

test('a byte flipped in the last acknowledged batch of the log is a loss, never a smaller log', async (context) => {
  const killed = await killedMember(context);
  const pristine = `${killed}-pristine`;
  await cp(killed, pristine, { recursive: true });
  for (const at of [-1, -500, -1000, -1200]) {
    await rm(killed, { recursive: true });
    await cp(pristine, killed, { recursive: true });
    await flipByte(await newestFile(join(killed, 'log'), '.log'), at);
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = await refusal(killed);
      assert.ok(['lost-acknowledged', 'corrupt'].includes(error.code), `byte ${at}: ${error.message}`);
    }
  }
});

test('a log whose acknowledged end was cut off is a loss, however long the piece', async (context) => {
  const killed = await killedMember(context);
  const pristine = `${killed}-pristine`;
  await cp(killed, pristine, { recursive: true });
  for (const cut of [1, 7, 600, 2000, 100_000]) {
    await rm(killed, { recursive: true });
    await cp(pristine, killed, { recursive: true });
    const file = await newestFile(join(killed, 'log'), '.log');
    await truncate(file, (await stat(file)).size - cut);
    assert.equal((await refusal(killed)).code, 'lost-acknowledged', `${cut} bytes`);
    assert.equal((await refusal(killed)).code, 'lost-acknowledged', `${cut} bytes, again`);
  }
});

// What a crash or a power loss may leave of one batch that was under way, written behind the last one: LevelDB drops some of these in
// silence and complains of others.
const unfinished: Readonly<Record<string, (whole: Buffer) => Buffer>> = {
  'a header cut off': () => Buffer.of(1, 2, 3),
  'the beginning of a record': (whole) => whole.subarray(whole.length - 1300, whole.length - 700),
  'a whole record of wrong bytes': () => physicalRecord(1, Buffer.alloc(500, 7)),
  'zeros, where the pages were never written': () => Buffer.alloc(9000),
  'the middle of a batch of several blocks without its beginning': (whole) => {
    const room = 32_768 - (whole.length % 32_768);
    const first = physicalRecord(2, Buffer.alloc(Math.max(0, room - 7), 7)).fill(0, 0, 40);
    return Buffer.concat([
      first,
      physicalRecord(3, Buffer.alloc(32_761, 8), true),
      physicalRecord(4, Buffer.alloc(99, 9), true),
    ]);
  },
};

for (const [what, rest] of Object.entries(unfinished)) {
  test(`an unfinished batch that nobody was promised is dropped and noted: ${what}`, async (context) => {
    const killed = await killedMember(context);
    const file = await newestFile(join(killed, 'log'), '.log');
    const whole = await readFile(file);
    await writeFile(file, Buffer.concat([whole, rest(whole)]));
    const storage = await reopen(killed);
    assert.equal(storage.log.tail, written);
    assert.match(storage.notes.join(), /log\/\d+\.log ends with \d+ bytes of an unfinished batch/);
    await storage.close();
    await (await reopen(killed)).close();
  });
}

test('a crash between the batch and its anchor leaves the log ahead, and the next open brings the anchor up to it', async (context) => {
  const directory = await newDirectory(context);
  let storage = await reopen(directory);
  await storage.log.persist([job({ term: 4, entries: entries(1, 2, 4) })]);
  await storage.close();
  const anchor = await readFile(join(directory, 'anchor'));
  storage = await reopen(directory);
  await storage.log.persist([job({ term: 5, vote: 3, entries: entries(3, 4, 5) })]);
  await storage.close();
  await writeFile(join(directory, 'anchor'), anchor);
  // Its promises may be repeated from the log alone: so they must be anchored before anything else happens.
  storage = await reopen(directory);
  assert.deepEqual(storage.log.recovered.hardState, { term: 5, vote: 3, commit: 0 });
  await cp(join(directory, 'anchor'), `${directory}-anchor`);
  await storage.close();
  const reader = await AnchorFile.open(`${directory}-anchor`, () => 0);
  assert.deepEqual(reader.newest.pledge, { term: 5, vote: 3, acknowledged: { term: 5, index: 4 } });
  await reader.close();
});

test('a state whose last checkpoints were cut off is brought up to date from the log', async (context) => {
  const killed = await killedMember(context);
  const file = await newestFile(join(killed, 'state'), '.log');
  await truncate(file, (await stat(file)).size - 20_000);
  const storage = await reopen(killed);
  const at = storage.state.checkpointed?.position.index ?? 0;
  assert.ok(at > 0 && at < written - 1, `checkpoint at ${at}`);
  assert.equal((await storage.log.read(index(at + 1), index(written), 1e9)).length, written - at);
  await storage.close();
});

for (const name of ['log', 'state']) {
  for (const file of ['.log', 'CURRENT', 'MANIFEST-', '.ldb']) {
    test(`a deleted ${name}/${file} is refused, and nothing is begun anew in its place`, async (context) => {
      const killed = await killedMember(context);
      await rm(await newestFile(join(killed, name), file));
      for (let attempt = 0; attempt < 2; attempt++) {
        const error = await refusal(killed);
        assert.equal(error.code, 'corrupt', error.message);
        assert.match(error.message, new RegExp(`${name}/.*(is missing|names no)`));
      }
    });

    // An empty log looks like one that was just begun; but of the log the anchor knows better, and the state is replayed from there.
    if (name === 'state' && file === '.log') continue;
    test(`an emptied ${name}/${file} is refused`, async (context) => {
      const killed = await killedMember(context);
      await truncate(await newestFile(join(killed, name), file), 0);
      assert.equal((await refusal(killed)).code, file === '.log' ? 'lost-acknowledged' : 'corrupt');
    });
  }
}

test('a MANIFEST with a flipped byte or without its end is refused, or loses nothing', async (context) => {
  const killed = await killedMember(context);
  const manifest = await newestFile(join(killed, 'log'), 'MANIFEST-');
  const pristine = await readFile(manifest);
  const copy = `${killed}-pristine`;
  await cp(killed, copy, { recursive: true });
  for (let at = 0; at < pristine.length; at += 5) {
    for (const damaged of [pristine.subarray(0, at), flipped(pristine, at)]) {
      await rm(killed, { recursive: true });
      await cp(copy, killed, { recursive: true });
      await writeFile(manifest, damaged);
      const opened = await reopen(killed).catch((error: unknown) => error);
      if (opened instanceof Error) {
        assert.ok(refusedAs('corrupt')(opened) || refusedAs('lost-acknowledged')(opened), String(opened));
        continue;
      }
      const storage = opened as Awaited<ReturnType<typeof reopen>>;
      assert.equal(storage.log.tail, written, `byte ${at}`);
      await storage.close();
    }
  }
});

test('a byte flipped in a table of the log is refused, or hits nothing that counts', async (context) => {
  const directory = await killedMember(context);
  // An open and a close move the log into a table.
  await (await reopen(directory)).close();
  const pristine = `${directory}-pristine`;
  await cp(directory, pristine, { recursive: true });
  const size = (await stat(await newestFile(join(directory, 'log'), '.ldb'))).size;
  let refused = 0;
  for (let at = 100; at < size - 100; at += Math.floor(size / 12)) {
    await rm(directory, { recursive: true });
    await cp(pristine, directory, { recursive: true });
    await flipByte(await newestFile(join(directory, 'log'), '.ldb'), at);
    const opened = await reopen(directory).catch((error: unknown) => error);
    if (opened instanceof Error) {
      assert.ok(refusedAs('corrupt')(opened) || refusedAs('lost-acknowledged')(opened), String(opened));
      refused++;
      continue;
    }
    // An older version of the meta record, which a table keeps until it is compacted.
    const storage = opened as Awaited<ReturnType<typeof reopen>>;
    assert.deepEqual(plain(await storage.log.read(index(1), index(written), 1e9)), entries(1, written, 1, 1000));
    await storage.close();
  }
  assert.ok(refused >= 8, `${refused} refused`);
});

test('a byte that flips in a value of the state while a member runs is an error that names the key, and never data', async (context) => {
  const directory = await newDirectory(context);
  let storage = await reopen(directory);
  const changes = ['a', 'b', 'c'].map((key) => ({ key: bytes(key), value: randomBytes(3000) }));
  await storage.state.checkpoint({ position: position(0, 0), configuration: founders, digest: bytes(''), changes });
  await storage.close();
  storage = await reopen(directory);
  const table = await newestFile(join(directory, 'state'), '.ldb');
  const at = (await readFile(table)).indexOf(changes[1]!.value.subarray(100, 200));
  assert.ok(at > 0, 'the table holds the value as it is');
  await flipByte(table, at + 3);

  assert.throws(() => storage.state.get(bytes('b')), namesKey);
  await assert.rejects(async () => {
    for await (const _ of storage.state.scan());
  }, namesKey);
  assert.deepEqual(storage.state.get(bytes('a')), changes[0]!.value);
  await assert.rejects(storage.state.scrub({ signal: new AbortController().signal }), /state\/\d+\.ldb is damaged/);
  await storage.close();
  await assert.rejects(
    reopen(directory),
    /state\/\d+\.ldb is damaged: the checksum of the block at byte \d+ does not match/,
  );
});

test('a log that was put back from an old copy under its newer anchor is a loss', async (context) => {
  const directory = await newDirectory(context);
  let storage = await reopen(directory);
  await storage.log.persist([job({ term: 1, entries: entries(1, 10, 1) })]);
  await storage.close();
  await cp(join(directory, 'log'), `${directory}-old`, { recursive: true });
  storage = await reopen(directory);
  await storage.log.persist([job({ term: 1, entries: entries(11, 12, 1) })]);
  await storage.close();
  await rm(join(directory, 'log'), { recursive: true });
  await cp(`${directory}-old`, join(directory, 'log'), { recursive: true });
  const error = await refusal(directory);
  assert.equal(error.code, 'lost-acknowledged');
  assert.match(error.message, /up to index 10 in term 1, and it once acknowledged index 12 in term 1/);
});

function namesKey(error: unknown): boolean {
  return refusedAs('corrupt')(error) && /state.* key 0x62 /.test((error as Error).message);
}

/** As LevelDB's log holds it; its checksum is right only if asked for. */
function physicalRecord(type: number, payload: Buffer, valid = false): Buffer {
  const record = Buffer.concat([Buffer.alloc(6), Buffer.of(type), payload]);
  record.writeUInt32LE(valid ? maskedCrc32c(record.subarray(6)) : 1, 0);
  record.writeUInt16LE(payload.length, 4);
  return record;
}

function flipped(pristine: Buffer, at: number): Buffer {
  const damaged = Buffer.from(pristine);
  damaged[at]! ^= 0x55;
  return damaged;
}
