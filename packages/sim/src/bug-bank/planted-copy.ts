import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applied, type Edit } from './bug.ts';

export const repository: string = fileURLToPath(new URL('../../../..', import.meta.url));

/** All that a simulation loads. Each is copied with its links to the others, which lead to the copies. */
const packages = ['client', 'core', 'member', 'protocol', 'sim', 'state-machine', 'storage'];

/** The sources with a bug in them, in a directory of their own that goes when this is disposed of. What ships is not touched. */
export class PlantedCopy implements Disposable {
  readonly directory: string;
  readonly #remove = (): void => rmSync(this.directory, { recursive: true, force: true });

  /** Throws PatchDoesNotApply. Without edits it is the control: the same machinery, and no bug. */
  constructor(bug: string, edits: readonly Edit[]) {
    // Before anything is copied: what is not to be planted leaves nothing behind.
    const patched = patchedSources(bug, edits);
    this.directory = mkdtempSync(join(tmpdir(), 'conclave-bug-'));
    process.once('exit', this.#remove);
    symlinkSync(join(repository, 'node_modules'), join(this.directory, 'node_modules'));
    for (const name of packages) this.#copy(name);
    for (const [file, text] of patched) writeFileSync(join(this.directory, 'packages', file), text);
  }

  #copy(name: string): void {
    const [from, to] = [repository, this.directory].map((root) => join(root, 'packages', name)) as [string, string];
    mkdirSync(to, { recursive: true });
    cpSync(join(from, 'package.json'), join(to, 'package.json'));
    cpSync(join(from, 'src'), join(to, 'src'), { recursive: true, filter: (path) => !path.endsWith('.test.ts') });
    cpSync(join(from, 'node_modules'), join(to, 'node_modules'), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.cache') && !path.endsWith('.bin'),
    });
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }
}

/** By file, from `packages/` on. */
export function patchedSources(bug: string, edits: readonly Edit[]): Map<string, string> {
  const patched = new Map<string, string>();
  for (const edit of edits) {
    const { file } = edit;
    const source = patched.get(file) ?? readFileSync(join(repository, 'packages', file), 'utf8');
    patched.set(file, applied(edit, source, bug));
  }
  return patched;
}
