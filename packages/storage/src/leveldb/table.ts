// LevelDB's table files (doc/table_format.md): data blocks, a filter block, a metaindex block that names the filter, an index block
// that names the data blocks, and a footer of 48 bytes that names the two. Behind each block stand its type (0: not compressed) and a masked crc32c of both.
//
// classic-level reads tables with checksum verification off, and LevelDB asserts where a damaged block makes no sense: a flipped bit
// can end the process (dbformat.h, ExtractUserKey), hide keys, or be rewritten under a new checksum by the next compaction. So
// tables are verified before LevelDB sees them.
import { maskedCrc32c } from './crc32c.ts';
import { VarintCursor } from './varint.ts';

const footerBytes = 48;
const trailerBytes = 5;
const notCompressed = 0;
/** Half a millisecond of checksums. */
const restEveryBytes = 256 * 1024;
const magic = 0xdb4775248b80fb57n;

interface BlockHandle {
  readonly offset: number;
  readonly bytes: number;
}

/** What is wrong with a table, or null. `rest` is awaited now and then, for a caller whose event loop must not stand still. */
export async function tableDamage(file: Buffer, rest?: () => Promise<void>): Promise<string | null> {
  try {
    let unrested = 0;
    for (const bytes of verifyTable(file)) {
      unrested += bytes;
      if (rest === undefined || unrested < restEveryBytes) continue;
      unrested = 0;
      await rest();
    }
    return null;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Yields the size of each block that is whole; throws a RangeError at the first that is not. */
function* verifyTable(file: Buffer): Generator<number, void, void> {
  const footer = file.subarray(Math.max(0, file.length - footerBytes));
  if (footer.length < footerBytes || footer.readBigUInt64LE(footerBytes - 8) !== magic)
    throw new RangeError('no footer');
  const handles = new VarintCursor(footer.subarray(0, footerBytes - 8));
  const metaIndex = readHandle(handles);
  const index = readHandle(handles);
  let covered = 0;
  // The filter, which the metaindex names, lies behind the data blocks.
  const blocks = [...handlesOfIndex(verifyBlock(file, index)), ...handlesOfIndex(verifyBlock(file, metaIndex))];
  for (const handle of blocks) {
    verifyBlock(file, handle);
    yield handle.bytes;
    // Blocks lie one behind the other: an index that skips one would hide its keys.
    if (handle.offset !== covered)
      throw new RangeError(`the index skips the bytes from ${covered} to ${handle.offset}`);
    covered = handle.offset + handle.bytes + trailerBytes;
  }
  if (covered !== metaIndex.offset) throw new RangeError(`the index ends at byte ${covered} of ${metaIndex.offset}`);
}

function verifyBlock(file: Buffer, { offset, bytes }: BlockHandle): Buffer {
  const end = offset + bytes;
  if (end + trailerBytes > file.length) throw new RangeError(`a block at byte ${offset} reaches beyond the end`);
  const type = file.readUInt8(end);
  if (file.readUInt32LE(end + 1) !== maskedCrc32c(file.subarray(offset, end + 1))) {
    throw new RangeError(`the checksum of the block at byte ${offset} does not match`);
  }
  if (type !== notCompressed) throw new RangeError(`the block at byte ${offset} is of type ${type}`);
  return file.subarray(offset, end);
}

/** Entries { shared, unshared, value length, key tail, value }, then the restart offsets and their count (block_builder.cc). */
function* handlesOfIndex(block: Buffer): Generator<BlockHandle> {
  if (block.length < 4) throw new RangeError('the index is too short');
  const restarts = 4 * (block.readUInt32LE(block.length - 4) + 1);
  if (restarts > block.length) throw new RangeError('the index is too short for its restarts');
  const cursor = new VarintCursor(block.subarray(0, block.length - restarts));
  while (!cursor.atEnd) {
    cursor.varint();
    const unshared = cursor.varint();
    const length = cursor.varint();
    cursor.skip(unshared);
    yield readHandle(new VarintCursor(cursor.take(length)));
  }
}

function readHandle(cursor: VarintCursor): BlockHandle {
  return { offset: cursor.varint(), bytes: cursor.varint() };
}
