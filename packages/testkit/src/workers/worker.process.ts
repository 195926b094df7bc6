// One worker as applications write them, but for one thing: it does not look at the signal before it uses what the lock protects. So after every
// loss there is one more use, and one more write under the old guard, that only the fence stops.
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, ConclaveError, connect, type Lock, type Session } from '@conclave/client';
import { HistoryRecorder } from '../history/recorder.ts';
import { authorOf } from '../processes/client-caller.ts';
import { guardedKey, type WorkerPlan } from './plan.ts';

const pauseMs = 15;
const nsPerMs = 1e6;

const plan = JSON.parse(process.argv[2] ?? '') as WorkerPlan;
const recorder = new HistoryRecorder({ path: plan.history });
const { kind, lockDelayMs, name, subject, ttlMs, usesOfAHold } = plan;
let writes = 0;

await using client = await connect({
  endpoints: plan.endpoints,
  author: authorOf(name),
  metadata: { application: name },
});
for (let life = 1; ; life++) {
  try {
    await using session = await client.session({ ttlMs, timeoutMs: Number.MAX_SAFE_INTEGER });
    while (!session.signal.aborted) await hold(client, session, `${name}/${life}`);
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
  }
}

async function obtain(session: Session): Promise<Lock> {
  const options = { session, lockDelayMs };
  if (kind === 'lock') return client.lock(subject, options);
  const leadership = await client.election(subject).campaign(name, options);
  return Object.assign(leadership, { release: async () => leadership.resign() });
}

async function hold(by: Client, session: Session, owner: string): Promise<void> {
  const acquire = recorder.begin(owner, 'acquire', subject, { owner, ttl_ns: ttlMs * nsPerMs });
  const held = await obtain(session).catch((error: unknown) => {
    acquire.unknown(String(error));
    throw error;
  });
  const token = held.fence;
  acquire.ok({ token });
  console.log(`holds ${token}`);
  let released = false;
  held.signal.addEventListener('abort', () => {
    if (released) return;
    recorder.append({ op: 'lost', client: owner, key: subject, in: { owner, token }, call_ns: recorder.nowNs() });
    console.log(`lost ${token}`);
  });
  const guard = held.guard();
  const uses = usesOfAHold === 0 ? Number.POSITIVE_INFINITY : usesOfAHold;
  for (let use = 0; !held.signal.aborted && use < uses; use++) {
    confirmed(session, owner);
    await useResource(owner, token);
    await write(by, guard, owner);
    if (use === 0) console.log(`used ${token}`);
    await pause(pauseMs);
  }
  if (held.signal.aborted) {
    console.log(`late ${token} ${(await useResource(owner, token)) ? 'accepted' : 'refused'}`);
    await write(by, guard, owner);
    return;
  }
  released = true;
  const release = recorder.begin(owner, 'release', subject, { owner, token });
  await held.release();
  // The session's end releases, too; only while it lives is the answer the cluster's own.
  if (session.signal.aborted) release.unknown('its session has ended');
  else release.ok({ released: true });
  console.log(`gave back ${token}`);
}

/** When the session was confirmed last, at least: so it is known from when on its lease may have ended, however this process ends. */
function confirmed(session: Session, owner: string): void {
  const now = recorder.nowNs();
  const leftMs = session.remainingMs();
  if (leftMs === 0) return;
  const call_ns = Math.round(now - Math.max(0, ttlMs - leftMs) * nsPerMs);
  recorder.append({
    op: 'renew',
    client: owner,
    key: null,
    in: { owner },
    out: {},
    call_ns,
    return_ns: now,
    status: 'ok',
  });
}

async function useResource(owner: string, token: number): Promise<boolean> {
  const resource = `${subject}'s resource`;
  const use = recorder.begin(owner, 'use', resource, { owner, token });
  const body = JSON.stringify({ resource, owner, token });
  const response = await fetch(plan.resourceUrl, { method: 'POST', body });
  const verdict = (await response.json()) as { readonly accepted: boolean; readonly seq: number };
  use.ok(verdict);
  return verdict.accepted;
}

async function write(by: Client, guard: ReturnType<Lock['guard']>, owner: string): Promise<void> {
  const value = `${guard.fence} ${owner} ${++writes}`;
  const put = recorder.begin(owner, 'put', guardedKey(subject), { value });
  try {
    const { ok, revision } = await by.txn({ if: [guard], then: [{ put: guardedKey(subject), value }] });
    if (ok) put.ok({ rev: revision });
    else put.fail('it is not held');
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
    if (error.outcome === 'not-applied') put.fail(String(error));
    else put.unknown(String(error));
  }
}
