// Room for small encodings. A typed array of its own costs a microsecond in V8 as soon as it is longer than 64 bytes, more than
// encoding a request does. Operations and commands are kept and let go together, as requests in flight and as neighbours in the log,
// so slices of one slab hold nothing for long that would not be held anyway. What is kept one by one (results, frames) does not come
// from here: a remembered result would keep a whole slab.

const slabLength = 65_536;
/** Longer ones have an array of their own: at this size copying outweighs allocating. */
const maxSliceLength = 4_096;

let slab: Uint8Array = new Uint8Array(slabLength);
let used = 0;

/** `length` zero bytes, nobody else's; the buffer behind them may be shared. */
export function sliceOfSlab(length: number): Uint8Array {
  if (length > maxSliceLength) return new Uint8Array(length);
  if (used + length > slabLength) {
    slab = new Uint8Array(slabLength);
    used = 0;
  }
  const bytes = slab.subarray(used, used + length);
  used += length;
  return bytes;
}
