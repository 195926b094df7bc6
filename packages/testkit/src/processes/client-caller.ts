// Which client a connection to a member comes from, for those who say so in their author: `caller:NAME;`.

const endOfUpgrade = '\r\n\r\n';
const maskBytes = 4;

export function authorOf(name: string): string {
  return `caller:${name};`;
}

/** From the first bytes: the request for an upgrade, and the first frame, which holds the hello. Null: not yet told, or told by nobody. */
export function clientCaller(sent: Buffer): string | null {
  const upgradeEnds = sent.indexOf(endOfUpgrade);
  if (upgradeEnds < 0) return null;
  const frame = sent.subarray(upgradeEnds + endOfUpgrade.length);
  const begin = ((frame[1] ?? 0) & 0x7f) === 126 ? 4 : 2;
  const mask = frame.subarray(begin, begin + maskBytes);
  if (mask.length < maskBytes) return null;
  const payload = Buffer.from(frame.subarray(begin + maskBytes)).map((byte, at) => byte ^ (mask[at % maskBytes] ?? 0));
  return /caller:([^;]+);/.exec(Buffer.from(payload).toString('latin1'))?.[1] ?? null;
}
