// A cluster's id says which founders began it under which name. A restore adds from what: so the old cluster and the new one are two, also
// where all names are the same, and none of the members of one is let in by the other.

const restored = /~[0-9a-f]{8}$/;

/** The id of a cluster that begins with a restored state. `origin`: eight hexadecimal digits, the same for all who restore the same. */
export function restoredClusterId(founded: string, origin: string): string {
  return `${founded}~${origin}`;
}

/** Without what a restore added: by it clients know their cluster again, to whom the incarnation tells the rest. */
export function foundedClusterId(clusterId: string): string {
  return clusterId.replace(restored, '');
}
