/**
 * Source trees of suites that no registry carries, cloned at one tag or branch and kept in ~/.cache/kapella-upstream.
 * Where the host cannot be reached, git's `url.<base>.insteadOf` names a copy.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { succeed } from './commands.ts';
import { CACHE } from './programs.ts';

const CLONE_MS_MAX = 10 * 60_000;

/** The directory of GitHub's `repository` (`owner/name`) at `ref`. Rejects with what git said. */
export async function sourceOf(repository: string, ref: string): Promise<string> {
  const directory = join(CACHE, 'sources', `${repository.replace('/', '-')}-${ref}`);
  if (existsSync(join(directory, '.git/HEAD'))) return directory;
  mkdirSync(join(directory, '..'), { recursive: true });
  const partial = `${directory}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const from = `https://github.com/${repository}`;
  await succeed('git', ['clone', '--quiet', '--depth', '1', '--branch', ref, from, partial], {
    timeoutMs: CLONE_MS_MAX,
  });
  await succeed('mv', [partial, directory]);
  return directory;
}
