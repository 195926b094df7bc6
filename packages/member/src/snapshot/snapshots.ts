import type { Index, Input, MemberId, SnapshotMeta, SnapshotSend, Term } from '@conclave/core';
import type { StateMachine } from '@conclave/state-machine';
import type { Applier } from '../applier.ts';
import { Backups } from '../backup/backups.ts';
import type { Barrier } from '../barrier.ts';
import { loadState } from '../boot.ts';
import type { Checkpointer } from '../checkpointer.ts';
import { asError } from '../defect.ts';
import type { Environment } from '../environment.ts';
import type { PeerLinks } from '../peer/links.ts';
import type { PeerMessage } from '../peer/message.ts';
import type { SnapshotMessage } from './message.ts';
import { SnapshotReceiver } from './receiver.ts';
import { SnapshotSender } from './sender.ts';

export interface SnapshotsListener {
  push(input: Input): void;
  /** The state is about to be replaced: nobody may be served from it any more. */
  replacing(): void;
  /** The state is that behind `index` now. */
  replaced(index: Index): void;
  failed(error: Error): void;
}

/** Why a member serves nobody meanwhile. */
export const tooFarBehind = 'this member takes its state from a snapshot, and serves again when it has it';

/** Whole states: sent to members that lag and to backups, received when this one lags, and put in the place of its own. */
export class Snapshots {
  readonly #store: Environment['store'];
  readonly #log: Environment['log'];
  readonly #links: PeerLinks;
  readonly #machine: StateMachine;
  readonly #applier: Applier;
  readonly #checkpointer: Checkpointer;
  readonly #listener: SnapshotsListener;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly backups: Backups;
  #isReplacing = false;
  /** The load under way; ends also when another snapshot makes it useless. */
  #loading: Promise<void> = Promise.resolve();
  #generation = 0;
  #stopped = false;

  constructor(
    { clock, log, store, timers }: Pick<Environment, 'clock' | 'log' | 'store' | 'timers'>,
    links: PeerLinks,
    {
      applier,
      barrier,
      checkpointer,
      machine,
    }: {
      readonly machine: StateMachine;
      readonly applier: Applier;
      readonly barrier: Pick<Barrier, 'wait'>;
      readonly checkpointer: Checkpointer;
    },
    listener: SnapshotsListener,
  ) {
    this.#store = store;
    this.#log = log;
    this.#links = links;
    this.#machine = machine;
    this.#applier = applier;
    this.#checkpointer = checkpointer;
    this.#listener = listener;
    this.backups = new Backups(() => store.snapshots, machine, barrier, checkpointer, { clock, timers });
    const send = (to: MemberId, message: PeerMessage): void => this.#links.send(to, message);
    this.#sender = new SnapshotSender(
      () => store.snapshots,
      { clock, timers, log },
      {
        send,
        progressed: (token) => listener.push({ type: 'snapshotProgress', token }),
        sent: (token, index) => listener.push({ type: 'snapshotSent', token, index }),
        failed: (token) => listener.push({ type: 'snapshotFailed', token }),
      },
    );
    this.#receiver = new SnapshotReceiver(
      () => store.snapshots,
      () => machine.applied.index,
      log,
      {
        send,
        fellBehind: () => listener.replacing(),
        received: (snapshot, term) => listener.push({ type: 'snapshotReceived', snapshot, term }),
      },
    );
  }

  /** From the moment at which a leader offers a state, because the log cannot be continued, until it is this member's own. */
  get isReplacing(): boolean {
    return this.#isReplacing || this.#receiver.isBehind;
  }

  /** Members that are being sent one. */
  get sending(): number {
    return this.#sender.count;
  }

  wanted(send: SnapshotSend, term: Term): void {
    this.#sender.begin(send, term);
  }

  discarded(id: string): void {
    this.#receiver.discard(id);
  }

  handle(from: MemberId, message: SnapshotMessage): void {
    if (message.type === 'snapshotProgress') this.#sender.progress(from, message);
    else this.#receiver.take(from, message);
  }

  appliedTo(index: Index): void {
    this.#receiver.appliedTo(index);
  }

  connected(member: MemberId): void {
    this.#sender.connected(member);
  }

  leadershipChanged(): void {
    this.#sender.abandon();
  }

  /** Nothing is applied and no checkpoint written until the new state is there. */
  async replacing(): Promise<void> {
    this.#isReplacing = true;
    this.#generation++;
    this.#applier.suspend();
    this.#listener.replacing();
    await this.#checkpointer.suspend();
    // What it reads from is about to be closed.
    await this.#loading;
  }

  /** The store has switched: the state machine is loaded from it, and goes on behind it. */
  replaced({ id, position }: SnapshotMeta): void {
    this.#receiver.installed();
    const generation = ++this.#generation;
    this.#loading = loadState(this.#store)
      .then((loaded) => {
        // A newer one is on its way, and makes this one useless.
        if (!this.#stopped && generation === this.#generation) this.#install(loaded, id, position.index);
      })
      .catch((error: unknown) => this.#listener.failed(asError(error)));
  }

  #install(loaded: StateMachine, id: string, index: Index): void {
    this.#machine.replaceBy(loaded);
    this.#isReplacing = false;
    this.#checkpointer.resume();
    this.#log.info({ applied: index, revision: this.#machine.revision }, 'the state was taken from a snapshot');
    this.#listener.push({ type: 'restored', id });
    this.#listener.replaced(index);
    this.#applier.resume();
  }

  stop(): void {
    this.#stopped = true;
    this.#sender.abandon();
    this.#receiver.stop();
    this.backups.stop();
  }
}
