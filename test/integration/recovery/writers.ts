/** Concurrent writers that know what was acknowledged: each owns its ConfigMaps and writes one value after the other. */
import type { ConfigMap, ConfigMapList } from '@kapella/api/types/core-v1';
import type { Api } from '../../support/api.ts';
import { eventually } from '../../support/cluster.ts';

const MAPS_EACH = 4;
const RETRY_MS = 20;

export interface Writers {
  acknowledgedAtLeast(count: number): Promise<void>;
  /** Ends them. `maybe`: `name=value` of last writes whose answer never came: they may be there or not. */
  stop(): Promise<{
    readonly acknowledged: ReadonlyMap<string, string>;
    readonly maybe: ReadonlySet<string>;
    /** Of every acknowledged write: `name=value`. */
    readonly revisions: ReadonlyMap<number, string>;
  }>;
  /** name -> value, as the server tells it now. */
  stored(): Promise<ReadonlyMap<string, string>>;
  revisionsRise(): boolean;
}

export function startWriters(api: Api, ns: string, count: number): Writers {
  const base = `/api/v1/namespaces/${ns}/configmaps`;
  const acknowledged = new Map<string, string>();
  const maybe = new Set<string>();
  const revisions = new Map<number, string>();
  const falls: string[] = [];
  let total = 0;
  let isOver = false;

  async function writer(id: number): Promise<void> {
    let lastRevision = 0;
    for (let step = 0; !isOver; step++) {
      const name = `written-${id}-${step % MAPS_EACH}`;
      const value = String(step);
      const isNew = step < MAPS_EACH;
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, labels: { written: 'yes' } },
        data: { value },
      };
      try {
        const [method, path] = isNew ? (['POST', base] as const) : (['PUT', `${base}/${name}`] as const);
        const answer = await api.request(method, path, { body: JSON.stringify(body) });
        if (answer.status !== 200 && answer.status !== 201) {
          // A first write whose answer was lost is there already.
          if (answer.status !== 409) throw new Error(`${answer.status} ${answer.text}`);
          acknowledged.set(name, value);
          maybe.delete(`${name}=${value}`);
          continue;
        }
        const revision = Number((JSON.parse(answer.text) as ConfigMap).metadata.resourceVersion);
        if (revision <= lastRevision) falls.push(`${name}: ${revision} after ${lastRevision}`);
        lastRevision = revision;
        revisions.set(revision, `${name}=${value}`);
        acknowledged.set(name, value);
        maybe.delete(`${name}=${value}`);
        total++;
      } catch {
        maybe.add(`${name}=${value}`);
        step--; // the same again: a create may have to be repeated
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  const running = Promise.all(Array.from({ length: count }, (_, id) => writer(id)));
  return {
    acknowledgedAtLeast: async (wanted) => {
      await eventually(`${wanted} writes are acknowledged`, async () => total >= wanted);
    },
    async stop() {
      isOver = true;
      await running;
      return { acknowledged, maybe, revisions };
    },
    async stored() {
      const { items } = await api.get<ConfigMapList>(`${base}?labelSelector=written%3Dyes`);
      api[Symbol.dispose]();
      return new Map(items.map(({ metadata, data }) => [metadata.name ?? '', data?.['value'] ?? '']));
    },
    revisionsRise: () => falls.length === 0,
  };
}
