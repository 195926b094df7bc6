export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** One step from the one to the other, at a JSON Pointer (RFC 6901); '' is the whole. As a JSON Patch (RFC 6902), and with what was there before. */
export type Difference =
  | { readonly op: 'add'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string; readonly previous: Json }
  | { readonly op: 'replace'; readonly path: string; readonly previous: Json; readonly value: Json };

/** What lies deeper is told as a whole. */
const maxDepth = 100;

/** Undefined: there is nothing. Elements of arrays are compared by their places. Done one after the other, they make `after` out of `before`. */
export function differences(before: Json | undefined, after: Json | undefined): Difference[] {
  const found: Difference[] = [];
  compare(before, after, '', 0, found);
  return found;
}

function compare(
  before: Json | undefined,
  after: Json | undefined,
  path: string,
  depth: number,
  found: Difference[],
): void {
  if (before === after) return;
  if (before === undefined) found.push({ op: 'add', path, value: after as Json });
  else if (after === undefined) found.push({ op: 'remove', path, previous: before });
  else if (depth < maxDepth && isArray(before) && isArray(after)) arrays(before, after, path, depth, found);
  else if (depth < maxDepth && isObject(before) && isObject(after)) objects(before, after, path, depth, found);
  else found.push({ op: 'replace', path, previous: before, value: after });
}

function arrays(
  before: readonly Json[],
  after: readonly Json[],
  path: string,
  depth: number,
  found: Difference[],
): void {
  const kept = Math.min(before.length, after.length);
  for (let at = 0; at < kept; at++) compare(before[at], after[at], `${path}/${at}`, depth + 1, found);
  // From the end, so that the places of the others stay what they are.
  for (let at = before.length - 1; at >= kept; at--) compare(before[at], undefined, `${path}/${at}`, depth + 1, found);
  for (let at = kept; at < after.length; at++) compare(undefined, after[at], `${path}/${at}`, depth + 1, found);
}

function objects(
  before: { readonly [name: string]: Json },
  after: { readonly [name: string]: Json },
  path: string,
  depth: number,
  found: Difference[],
): void {
  const own = (of: typeof before, name: string): Json | undefined => (Object.hasOwn(of, name) ? of[name] : undefined);
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const step = name.replaceAll('~', '~0').replaceAll('/', '~1');
    compare(own(before, name), own(after, name), `${path}/${step}`, depth + 1, found);
  }
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
