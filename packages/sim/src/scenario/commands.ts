import {
  type ConfigurationChange,
  configurationOf,
  defaultOptions,
  type MemberId,
  type RaftOptions,
} from '@conclave/core';
import type { CommandLine } from './command-line.ts';
import { describeConfiguration, describeEntries, describeImage, describeProgress, describeStatus } from './describe.ts';
import { ScenarioMember } from './member.ts';
import { addMember, type Selection, type StreamEnd, type World } from './world.ts';

const streamEnds: readonly StreamEnd[] = ['failed', 'unreported', 'lost'];

type Command = (world: World, line: CommandLine) => void;

/** Everything that a scenario can say. Described in packages/sim/scenarios/README.md, in the same order. */
export const commands: Readonly<Record<string, Command>> = {
  'add-nodes': addNodes,
  campaign: (world, line) => world.member(line.member()).step({ type: 'campaign' }),
  propose,
  change,
  transfer: (world, line) => {
    const member = world.member(line.member());
    const to = line.value('to') ?? 'best';
    const target = to === 'best' ? to : (Number(to) as MemberId);
    member.step({ type: 'transferLeader', id: world.name(`to ${to}`), to: target });
  },
  read: (world, line) => {
    const member = world.member(line.member());
    for (const name of line.words()) member.step({ type: 'readIndex', id: world.name(name) });
  },
  audience: (world, line) =>
    world.member(line.member()).step({ type: 'audience', present: line.word('on or off') === 'on' }),
  'link-closed': (world, line) => world.member(line.member()).step({ type: 'linkClosed', member: line.member() }),
  unreachable: (world, line) => world.member(line.member()).step({ type: 'unreachable', member: line.member() }),

  stabilize: (world, line) => world.stabilize(line.members(world.ids)),
  deliver,
  drop: (world, line) => void world.take(selectionOf(line)),
  hold: (world, line) => void world.held.push(...world.take(selectionOf(line))),
  release: (world) => {
    world.underWay.unshift(...world.held);
    world.held = [];
  },
  cut: (world, line) => {
    for (const link of line.words()) world.cuts.add(link);
  },
  isolate: (world, line) => {
    for (const id of line.members())
      for (const other of world.ids) {
        world.cuts.add(`${id}->${other}`);
        world.cuts.add(`${other}->${id}`);
      }
  },
  heal: (world) => world.cuts.clear(),

  persist: (world, line) => {
    const member = world.member(line.member());
    member.persist(line.number('count') ?? member.writes.length);
  },
  'persist-fail': (world, line) => {
    world.member(line.member()).step({ type: 'persistFailed', reason: line.words().join(' ') });
  },
  'stall-disk': (world, line) => {
    for (const id of line.members()) world.member(id).isDiskStalled = true;
  },
  'mend-disk': (world, line) => {
    for (const id of line.members()) world.member(id).isDiskStalled = false;
  },
  crash: (world, line) => {
    const kept = line.number('keep') ?? 0;
    for (const id of line.members()) world.member(id).crash(kept);
  },
  restart: (world, line) => {
    for (const id of line.members()) world.member(id).start();
  },
  rewind: (world, line) => world.member(line.member()).rewind(line.number('writes') ?? 1),
  checkpoint: (world, line) => {
    for (const id of line.members()) world.member(id).checkpoint();
  },
  load: (world, line) => world.member(line.member()).load(),
  stream: (world, line) => {
    const sender = world.member(line.member());
    world.stream(sender, streamEnds.find((end) => line.flag(end)) ?? 'sent');
  },

  advance: (world, line) => world.advance(milliseconds(line), () => {}),
  run: (world, line) => world.advance(milliseconds(line), () => world.stabilize(world.ids)),
  tick: (world, line) => world.member(line.member()).step({ type: 'tick' }),
  pause: (world, line) => {
    for (const id of line.members()) world.member(id).isPaused = true;
  },
  resume: (world, line) => {
    for (const id of line.members()) world.member(id).isPaused = false;
  },

  state: (world, line) => {
    for (const id of line.members(world.ids)) {
      const { node } = world.member(id);
      show(world, id, node === null ? 'down' : describeStatus(node.status()));
    }
  },
  log: (world, line) => {
    for (const id of line.members(world.ids)) {
      const { image, node } = world.member(id);
      const entries = node?.state.log.slice(node.state.log.windowStart, Number.POSITIVE_INFINITY);
      show(world, id, describeEntries(entries ?? image.entries));
    }
  },
  config: (world, line) => {
    for (const id of line.members(world.ids)) {
      const { node } = world.member(id);
      if (node !== null) show(world, id, describeConfiguration(node.state.configuration));
    }
  },
  progress: (world, line) => {
    const { id, node } = world.member(line.member());
    for (const peer of node === null ? [] : describeProgress(node.status())) show(world, id, peer);
  },
  disk: (world, line) => {
    for (const id of line.members(world.ids)) show(world, id, describeImage(world.member(id).image));
  },
};

function show(world: World, id: MemberId, text: string): void {
  world.print('event', `${id}: ${text}`);
}

/** Members with a disk of the same content, which start at once. Options of core are written as `max-append-bytes=100`. */
function addNodes(world: World, line: CommandLine): void {
  const ids = line.members();
  const voters = (line.list('voters') ?? ids) as MemberId[];
  const learners = (line.list('learners') ?? []) as MemberId[];
  const leaseReads = line.value('lease-reads') === 'on';
  const log = line.list('log') ?? [];
  const founding = {
    configuration: { ...configurationOf(voters), learners, leaseReads },
    log,
    term: line.number('term') ?? log.at(-1) ?? 0,
    vote: line.number('vote'),
    commit: line.number('commit') ?? 0,
  };
  const options = optionsOf(line);
  for (const id of ids) addMember(world, (its) => new ScenarioMember({ ...options, id }, founding, its));
}

function optionsOf(line: CommandLine): Omit<RaftOptions, 'id'> {
  const chosen = line.rest().map(([key, value]) => {
    const name = key.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!Object.hasOwn(defaultOptions, name)) throw new Error(`${line.name} does not take ${key}`);
    return [name, Number(value)] as const;
  });
  return { ...defaultOptions, ...Object.fromEntries(chosen) };
}

/** Each word is a proposal; `bytes=` pads them. All of them are stepped at once. */
function propose(world: World, line: CommandLine): void {
  const member = world.member(line.member());
  const bytes = line.number('bytes') ?? 0;
  const encoder = new TextEncoder();
  const proposals = line
    .words()
    .map((text) => ({ id: world.name(text), data: encoder.encode(text.padEnd(bytes, '.')) }));
  member.step({ type: 'propose', proposals });
}

function change(world: World, line: CommandLine): void {
  const member = world.member(line.member());
  const lists = { addLearners: 'add', promote: 'promote', demote: 'demote', remove: 'remove' } as const;
  const named = Object.entries(lists).flatMap(([part, key]) => {
    const members = line.list(key);
    return members === null ? [] : [[part, members, `${key} ${members.join(',')}`] as const];
  });
  const leases = line.value('lease-reads');
  const asked: ConfigurationChange = {
    ...Object.fromEntries(named.map(([part, members]) => [part, members])),
    ...(leases === null ? {} : { leaseReads: leases === 'on' }),
  };
  const name = [...named.map(([, , text]) => text), ...(leases === null ? [] : [`lease-reads ${leases}`])].join(' ');
  member.step({ type: 'changeConfiguration', id: world.name(`(${name})`), change: asked, context: new Uint8Array(0) });
}

/**
 * `deliver 2 from=1 type=append count=1 keep`: `keep` leaves a copy under way, so that it arrives again; `entries=` cuts appends short, as a
 * leader with smaller batches would have sent them.
 */
function deliver(world: World, line: CommandLine): void {
  const keep = line.flag('keep');
  const entries = line.number('entries') ?? Number.POSITIVE_INFINITY;
  const messages = world.take(selectionOf(line));
  if (messages.length === 0) world.print('event', 'nothing to deliver');
  if (keep) world.underWay.push(...messages);
  for (const message of messages)
    world.deliver(message.type === 'append' ? { ...message, entries: message.entries.slice(0, entries) } : message);
}

function selectionOf(line: CommandLine): Selection {
  const from = line.number('from') as MemberId | null;
  const type = line.value('type');
  const count = line.number('count') ?? Number.POSITIVE_INFINITY;
  const [to = null] = line.members();
  return { from, to, type, count };
}

function milliseconds(line: CommandLine): number {
  return Number(line.word('milliseconds'));
}
