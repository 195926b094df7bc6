import type { Host } from '../host.ts';
import type { Observer } from '../observer.ts';
import { demand } from '../violation.ts';

/** What must hold within one member after everything it does (after logcabin's invariants). */
export class LocalState implements Observer {
  readonly name = 'local state';
  readonly #last = new Map<number, { term: number; committed: number }>();

  started(host: Host): void {
    this.#last.set(host.id, { term: host.disk.image.hardState.term, committed: 0 });
  }

  took(host: Host): void {
    const raft = host.node?.state;
    const last = this.#last.get(host.id);
    if (raft === undefined || last === undefined) return;
    const { durability, log } = raft;
    const holds = (condition: boolean, what: string): void =>
      demand(condition, this.name, () => `member ${host.id} in term ${raft.term}: ${what}`);

    holds(raft.term >= last.term, 'its term went back');
    holds(log.committed >= last.committed, 'its commit index went back');
    holds(log.applied <= log.handedOut && log.handedOut <= log.committed, 'applied <= handed out <= committed');
    holds(
      log.handedOut <= durability.durableIndex || (durability.isInstalling && log.handedOut === log.base.index),
      'handed out <= durable, or part of a snapshot that is not durable yet',
    );
    holds(
      log.base.index <= host.disk.image.checkpoint.position.index || durability.isInstalling,
      'the log begins at or before the durable checkpoint',
    );
    holds(log.committed <= log.lastIndex && durability.durableIndex <= log.lastIndex, 'committed and durable <= last');
    holds(log.windowStart <= log.applied + 1, 'what is not applied is in memory');
    holds((log.lastTerm ?? 0) <= raft.term, 'the log knows no later term');
    holds(raft.acknowledged.index <= log.lastIndex, 'acknowledged <= last');
    holds(
      durability.held.every(({ message }) => message.term === raft.term),
      'held promises are of this term',
    );
    holds(durability.held.length === 0 || !durability.isSettled, 'promises wait for a job that is under way');
    if (raft.role === 'leader') {
      holds(raft.vote === host.id && raft.leader === host.id, 'a leader voted for itself and follows itself');
      holds(log.lastTerm === raft.term, 'a leader opened its term with an entry');
      for (const [peer, progress] of raft.progress) {
        holds(progress.match < progress.next, `match < next of ${peer}`);
        holds(progress.match <= log.lastIndex, `match of ${peer} <= last`);
        holds((progress.state === 'snapshot') === (progress.snapshot !== null), `state of ${peer}`);
        holds(progress.inFlight <= raft.options.maxInflightAppends, `window of ${peer}`);
      }
    } else {
      holds(raft.progress.size === 0, 'only a leader tracks progress');
      holds(raft.reads.rounds.length === 0, 'only a leader runs rounds of reads');
    }
    this.#last.set(host.id, { term: raft.term, committed: log.committed });
  }
}
