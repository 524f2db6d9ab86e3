/** An image with Node.js, for clients and servers that a shell cannot be. */
import { nodeRecipe, type Recipe } from '@kapella/tools/images';
import type { TestCluster } from './cluster.ts';

export const NODE_IMAGE = 'node:24';
export const nodeImage: Recipe = nodeRecipe(NODE_IMAGE);

/** Builds what is not in the cache, and loads it. */
export async function loadImages(cluster: TestCluster, recipes: readonly Recipe[]): Promise<void> {
  const tars: string[] = [];
  for (const recipe of recipes) tars.push((await recipe.build()).tarPath);
  const result = await cluster.kapella(`image load ${tars.join(' ')}`);
  if (result.code !== 0) throw new Error(`kapella image load: ${result.stdout}${result.stderr}`);
}
