// Histories of locks that are right by construction: one hold after the other, each ending by release, by a release whose answer
// was lost, by a lapse or by a crash, while others wait, look and fail.
import type { HistoryRecord } from '../record.ts';
import { Random } from './random.ts';

export interface LockSettings {
  readonly locks: number;
  readonly holdsPerLock: number;
}

const ttlNs = 10_000;

export function simulateLocks(seed: number, settings: LockSettings): HistoryRecord[] {
  const random = new Random(seed);
  const records: HistoryRecord[] = [];
  let token = 0;
  for (let lock = 0; lock < settings.locks; lock++) {
    let nowNs = random.integer(1_000, 5_000);
    let seq = 0;
    for (let hold = 0; hold < settings.holdsPerLock; hold++) {
      token += random.integer(1, 3);
      nowNs = simulateHold(random, records, `lock/${lock}`, token, nowNs, () => ++seq);
    }
  }
  return records;
}

/** From a grant at `nowNs` to a moment after its end, which it returns. */
function simulateHold(
  random: Random,
  records: HistoryRecord[],
  key: string,
  token: number,
  nowNs: number,
  nextSeq: () => number,
): number {
  const client = `c${token}`;
  const owner = `session-${token % 7}`;
  const hold = { owner, token };
  const call_ns = nowNs - random.integer(1, 900);
  const return_ns = nowNs + random.integer(1, 400);
  const look = (atNs: number, out: { owner?: string; token?: number }): void => {
    const [from, to] = [atNs - random.integer(0, 200), atNs + random.integer(0, 200)];
    records.push({ client: 'eye', op: 'holder', key, in: {}, call_ns: from, return_ns: to, status: 'ok', out });
  };
  if (random.chance(0.3)) look(nowNs - 1, {});

  if (random.chance(0.1)) {
    records.push({ client, op: 'acquire', key, in: { owner, ttl_ns: ttlNs }, call_ns, status: 'unknown' });
    if (random.chance(0.5)) look(nowNs + 100, hold);
    return nowNs + ttlNs;
  }
  const input = { owner, ttl_ns: ttlNs };
  records.push({ client, op: 'acquire', key, in: input, call_ns, return_ns, status: 'ok', out: { token } });
  const use = (atNs: number, accepted: boolean): void => {
    const out = { accepted, seq: nextSeq() };
    records.push({ client, op: 'use', key, in: hold, call_ns: atNs, return_ns: atNs + 50, status: 'ok', out });
  };
  use(return_ns + 1, true);
  if (random.chance(0.5)) look(return_ns + 300, hold);
  if (random.chance(0.2)) {
    const tried = { owner: 'other', ttl_ns: ttlNs };
    records.push({
      client: 'x',
      op: 'acquire',
      key,
      in: tried,
      call_ns: nowNs + 500,
      return_ns: nowNs + 600,
      status: 'fail',
    });
  }

  // Release follows the last renewal.
  const renewedNs = random.chance(0.5) ? return_ns + 2_000 : call_ns;
  if (renewedNs !== call_ns) {
    const renewal = { client, op: 'renew', key: null, in: { owner } } as const;
    records.push({ ...renewal, call_ns: renewedNs, return_ns: renewedNs + 50, status: 'ok', out: {} });
  }
  const releaseNs = Math.max(renewedNs, return_ns) + 1_000;
  const way = random.next();
  if (way < 0.5) {
    const effectNs = releaseNs + random.integer(100, 300);
    const returnNs = effectNs + random.integer(1, 600);
    const answer = { return_ns: returnNs, status: 'ok', out: { released: true } } as const;
    records.push({ client, op: 'release', key, in: hold, call_ns: releaseNs, ...answer });
    if (random.chance(0.2)) {
      const again = {
        call_ns: returnNs + 10,
        return_ns: returnNs + 20,
        status: 'ok',
        out: { released: false },
      } as const;
      records.push({ client, op: 'release', key, in: hold, ...again });
    }
    return effectNs + random.integer(1, 300);
  }
  if (way < 0.65) {
    records.push({ client, op: 'release', key, in: hold, call_ns: releaseNs, status: 'unknown' });
    return releaseNs + random.integer(500, 2_000);
  }
  const lapseNs = renewedNs + ttlNs;
  records.push({ op: 'lapse', key, in: hold, call_ns: lapseNs, status: 'unknown' });
  if (way < 0.8) records.push({ op: 'crash', client, call_ns: lapseNs - 3_000 });
  else records.push({ client, op: 'lost', key, in: hold, call_ns: lapseNs - random.integer(1, 500) });
  return lapseNs + random.integer(1, 5_000);
}
