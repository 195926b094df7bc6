/** Every batch of the log writes those of its own store and of its peers', twice: they are not parsed anew each time. */
const parsed = new Map<string, Buffer>();
const maxParsed = 64;

/** 36 characters to 16 bytes, which are to be copied and never written to. */
export function uuidBytes(uuid: string): Buffer {
  const known = parsed.get(uuid);
  if (known !== undefined) return known;
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  if (bytes.length !== 16) throw new RangeError(`${JSON.stringify(uuid)} is not a uuid`);
  if (parsed.size >= maxParsed) parsed.clear();
  parsed.set(uuid, bytes);
  return bytes;
}

export function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
