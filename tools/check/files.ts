/** The tracked and new source files of a checkout. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceFile {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

export function sourceFiles(root: string): readonly SourceFile[] {
  const listed = spawnSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'], { cwd: root, encoding: 'utf8' });
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`);
  const found: SourceFile[] = [];
  for (const path of listed.stdout.split('\n')) {
    if (path === '') continue;
    try {
      found.push({ path, text: readFileSync(join(root, path), 'utf8') });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // deleted, not yet committed
    }
  }
  return found;
}
