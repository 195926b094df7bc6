import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '../../../..');

/** One import or export statement of a module. */
export interface ImportStatement {
  readonly specifier: string;
  /** Erased by the compiler: `import type … from`, `export type … from`. */
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** Relative to the workspace's root, with forward slashes. */
  readonly path: string;
  readonly isTest: boolean;
  readonly text: string;
  readonly imports: readonly ImportStatement[];
}

export interface WorkspacePackage {
  /** Folder name below packages/, which is also the name behind `@conclave/`. */
  readonly name: string;
  readonly manifest: {
    readonly name: string;
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
    readonly peerDependencies?: Readonly<Record<string, string>>;
  };
  readonly files: readonly SourceFile[];
}

export function workspacePackages(): WorkspacePackage[] {
  return readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
    .map((name) => ({
      name,
      manifest: JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as never,
      files: sourceFiles(`packages/${name}/src`),
    }));
}

function sourceFiles(folder: string): SourceFile[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => {
      const text = readFileSync(join(root, folder, name), 'utf8');
      return { path: `${folder}/${name}`, isTest: /\.test\.tsx?$/.test(name), text, imports: importStatements(text) };
    });
}

/** Static imports, re-exports and dynamic imports with a literal. The formatter keeps every statement in one of these shapes. */
export function importStatements(text: string): ImportStatement[] {
  const statements: ImportStatement[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'/gm)) {
    statements.push({ specifier: match[2] as string, typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm)) {
    statements.push({ specifier: (match[1] ?? match[2]) as string, typeOnly: false });
  }
  return statements;
}
