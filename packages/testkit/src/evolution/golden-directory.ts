import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { VerifiedData } from '@conclave/server';

/** A member's directory and a backup as a release left them, and what is in them. */
export interface GoldenData {
  /** By path: gzip, base64. Without the reserve, which holds nothing. */
  readonly files: Readonly<Record<string, string>>;
  /** The same of a backup of its cluster. */
  readonly snapshot: string;
  readonly expected: {
    readonly data: VerifiedData;
    /** Of the state behind the last entry, in hexadecimal. */
    readonly digest: string;
    readonly snapshot: { readonly digest: string; readonly revision: number; readonly keys: number };
  };
}

const folder = join(import.meta.dirname, '../../golden');

/** `data-N.json`: N is the format of a directory. */
export function goldenPath(format: number): string {
  return join(folder, `data-${format}.json`);
}

export function readGoldenData(format: number): GoldenData {
  return JSON.parse(readFileSync(goldenPath(format), 'utf8')) as GoldenData;
}

export function packed(bytes: Uint8Array): string {
  return gzipSync(bytes, { level: 9 }).toString('base64');
}

export function unpacked(text: string): Buffer {
  return gunzipSync(Buffer.from(text, 'base64'));
}

export function packedDirectory(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ name, parentPath }) => join(parentPath, name));
  return Object.fromEntries(
    paths
      .map((path) => relative(directory, path))
      .filter((path) => path !== 'reserve' && !/\/LOG(\.old)?$/.test(path))
      .toSorted()
      .map((path) => [path, packed(readFileSync(join(directory, path)))]),
  );
}

export function unpackDirectory(files: GoldenData['files'], directory: string): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, path), unpacked(text), { mode: 0o600 });
  }
}
