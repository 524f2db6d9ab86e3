/** How many hollow nodes a cluster is to have, kept in a ConfigMap: the server follows it, whoever writes it. */
import { coreV1 } from '@kapella/api';
import type { ConfigMap } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { Client } from '@kapella/client';

export const WISH = { namespace: 'kube-system', name: 'kapella-hollow' } as const;
/** More than this asks for more memory than a machine is likely to have. */
export const HOLLOW_NODES_MAX = 10_000;

export interface HollowWish {
  readonly count: number;
  /** YAML; '' where there are none. */
  readonly stages: string;
}

export function readWish(config: ConfigMap | undefined): HollowWish {
  const count = Number(config?.data?.['nodes'] ?? 0);
  const isGood = Number.isInteger(count) && count >= 0 && count <= HOLLOW_NODES_MAX;
  return { count: isGood ? count : 0, stages: config?.data?.['stages'] ?? '' };
}

/** `stages`: undefined leaves those that are there. */
export async function writeWish(client: Client, count: number, stages: string | undefined, ctx: Ctx): Promise<void> {
  const data = { nodes: String(count), ...(stages !== undefined && { stages }) };
  const body = { metadata: WISH, data };
  const options = { fieldManager: 'kapella-hollow', force: true };
  if (stages === undefined) {
    const present = await client.get(coreV1.ConfigMap, WISH, ctx);
    if (present !== undefined) {
      await client.patch(coreV1.ConfigMap, WISH, { type: 'merge', body: { data } }, ctx);
      return;
    }
  }
  await client.patch(coreV1.ConfigMap, WISH, { type: 'apply', body }, ctx, options);
}
