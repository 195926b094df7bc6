import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const scenarioFolder: string = fileURLToPath(new URL('../../scenarios', import.meta.url));

/** Without their ending, in the order of their names. */
export function scenarioNames(): string[] {
  return readdirSync(scenarioFolder)
    .filter((file) => file.endsWith('.txt'))
    .map((file) => file.slice(0, -'.txt'.length))
    .toSorted();
}

export function scenarioPath(name: string): string {
  return join(scenarioFolder, `${name}.txt`);
}

export function scenarioText(name: string): string {
  return readFileSync(scenarioPath(name), 'utf8');
}
