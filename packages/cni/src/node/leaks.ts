/** Gives back addresses of sandboxes that ended without saying so, e.g. with containerd killed. */
import { readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ctx } from '@kapella/base';
import { networkName } from '../backend.ts';
import { type HeldAddress, planLeaks } from '../plan-leaks.ts';

/** Run once when the node agent starts, with every sandbox id that the runtime lists. Returns the addresses freed. */
export async function freeLeakedAddresses(
  options: { readonly ipamDir: string; readonly clusterName: string; readonly liveSandboxIds: ReadonlySet<string> },
  ctx: Ctx,
): Promise<readonly string[]> {
  const dir = join(options.ipamDir, networkName(options.clusterName));
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const held = await Promise.all(names.map((name) => readHeld(dir, name)));
  const leaks = planLeaks(
    held.filter((h) => h !== undefined),
    options.liveSandboxIds,
    ctx.clock.nowMs(),
  );
  await Promise.all(leaks.map((name) => unlink(join(dir, name)).catch(() => {}))); // freed meanwhile is as good
  return leaks;
}

async function readHeld(dir: string, fileName: string): Promise<HeldAddress | undefined> {
  try {
    const path = join(dir, fileName);
    const [content, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    return { fileName, content, modifiedMs: mtimeMs };
  } catch {
    return undefined; // given back between the listing and now
  }
}
