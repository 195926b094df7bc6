// The table of events in docs/durability.md, each with the name of the test that shows it.

export type Outcome = 'as said' | 'FAILED' | 'not tried' | `skipped: ${string}`;

export interface Event {
  readonly event: string;
  readonly happens: string;
  /** As it stands in the source: with placeholders, where one test stands for several. */
  readonly test: string;
}

export function eventsIn(document: string): Event[] {
  return [...document.matchAll(/^\| (?<event>.*?) \| (?<happens>.*) \| \*(?<test>.+)\* \|$/gm)].map(({ groups }) => ({
    event: groups?.['event'] ?? '',
    happens: groups?.['happens'] ?? '',
    test: groups?.['test'] ?? '',
  }));
}

/** The worst of all tests that the name stands for. */
export function outcomeOf({ test }: Event, outcomes: ReadonlyMap<string, Outcome>): Outcome {
  const literal = test.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^$()[\]{}|\\]/g, String.raw`\$&`));
  const pattern = new RegExp(`^${literal.join('.*')}$`);
  const found = [...outcomes].flatMap(([name, outcome]) => (pattern.test(name) ? [outcome] : []));
  const worst = found.find((outcome) => outcome === 'FAILED') ?? found.find((outcome) => outcome !== 'as said');
  return worst ?? found[0] ?? 'not tried';
}
