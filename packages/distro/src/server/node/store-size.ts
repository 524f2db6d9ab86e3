/** What the embedded store takes on disk. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of all files in the directory; undefined where it cannot be read. */
export function directoryBytes(directory: string): number | undefined {
  try {
    return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  } catch {
    return undefined;
  }
}
