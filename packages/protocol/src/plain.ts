/**
 * Views of a Node Buffer would be Buffers, whose `slice` does not copy: who copies a key with it before keeping it would keep the frame's
 * memory. Views of a plain array are plain, on every platform.
 */
export function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
