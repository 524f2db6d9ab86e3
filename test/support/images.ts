/** The images that tests run, built once from Debian packages and loaded into a cluster. */
import { join } from 'node:path';
import { busyboxRecipe, nginxRecipe } from '@kapella/tools/images';
import { run } from './cluster.ts';

export const BUSYBOX = 'busybox:1.38';
export const NGINX = 'nginx:1.22';

export async function importTestImages(name: string, dataDir: string): Promise<void> {
  const tars: string[] = [];
  for (const recipe of [busyboxRecipe, nginxRecipe()]) tars.push((await recipe.build({})).tarPath);
  const kapella = join(import.meta.dirname, '../../kapella');
  const result = await run(kapella, ['image', 'load', ...tars, '--name', name, '--data-dir', dataDir], {});
  if (result.code !== 0) throw new Error(`kapella image load: ${result.stdout}${result.stderr}`);
}
