// The hash of a record: two 32-bit lanes, because a JavaScript number holds no 64-bit integer and a BigInt costs ten times as much.
// Each lane is MurmurHash3's 32-bit mixer with constants of its own; the lanes meet in the end. It finds damage and divergence;
// it does not stand against somebody who forges records on purpose.

/** Two signed 32-bit integers. */
export interface Lanes {
  high: number;
  low: number;
}

/** Continues `lanes` over `bytes` from `start` to `end`, so that a record's key and value are hashed as one without a copy. */
export function hashInto(lanes: Lanes, bytes: Uint8Array, start: number, end: number): void {
  let high = lanes.high;
  let low = lanes.low;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    high = stepHigh(high, word);
    low = stepLow(low, word);
  }
  let tail = 0;
  for (let shift = 0; at < end; at++, shift += 8) tail |= bytes[at]! << shift;
  // The length is hashed too, so that trailing zeros and the border between key and value count.
  high = stepHigh(stepHigh(high, tail), end - start);
  low = stepLow(stepLow(low, tail), end - start);
  const mixedHigh = finish(high + low);
  lanes.low = finish(low ^ mixedHigh);
  lanes.high = (mixedHigh + lanes.low) | 0;
}

function stepHigh(lane: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51);
  mixed = (mixed << 15) | (mixed >>> 17);
  lane ^= Math.imul(mixed, 0x1b873593);
  lane = (lane << 13) | (lane >>> 19);
  return (Math.imul(lane, 5) + 0xe6546b64) | 0;
}

function stepLow(lane: number, word: number): number {
  let mixed = Math.imul(word, 0x239b961b);
  mixed = (mixed << 16) | (mixed >>> 16);
  lane ^= Math.imul(mixed, 0xab0e9789);
  lane = (lane << 19) | (lane >>> 13);
  return (Math.imul(lane, 5) + 0x561ccd1b) | 0;
}

function finish(lane: number): number {
  lane ^= lane >>> 16;
  lane = Math.imul(lane, 0x85ebca6b);
  lane ^= lane >>> 13;
  lane = Math.imul(lane, 0xc2b2ae35);
  return lane ^ (lane >>> 16);
}
