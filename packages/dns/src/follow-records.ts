/** Keeps a RecordIndex equal to the cluster's Services, EndpointSlices and Namespaces. */
import type { Namespace, Service } from '@kapella/api/types/core-v1';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import type { Ctx } from '@kapella/base';
import type { Informer } from '@kapella/client';
import { planRecords, type ZoneOptions } from './plan-records.ts';
import type { RecordIndex } from './record-index.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export interface RecordSources {
  readonly services: Informer<Service>;
  readonly endpointSlices: Informer<EndpointSlice>;
  readonly namespaces: Informer<Namespace>;
}

/** Subscribes at once; `synced` resolves when the first lists are in the index. */
export function followRecords(
  index: RecordIndex,
  sources: RecordSources,
  zone: ZoneOptions,
): { readonly synced: (ctx: Ctx) => Promise<void>; readonly stop: () => void } {
  const slices = new Map<string, Map<string, EndpointSlice>>();
  const plan = (key: string) => {
    const service = sources.services.get(key);
    const own = [...(slices.get(key)?.values() ?? [])];
    index.replace(key, service === undefined ? [] : planRecords(service, own, zone));
  };
  const put = (slice: EndpointSlice, isThere: boolean) => {
    const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (name === undefined) return;
    const key = `${slice.metadata.namespace}/${name}`;
    const held = slices.get(key) ?? new Map<string, EndpointSlice>();
    if (isThere) held.set(slice.metadata.name, slice);
    else held.delete(slice.metadata.name);
    if (held.size > 0) slices.set(key, held);
    else slices.delete(key);
    plan(key);
  };
  const onService = (s: Service) => plan(`${s.metadata.namespace}/${s.metadata.name}`);
  const stops = [
    sources.services.subscribe({ add: onService, update: onService, delete: onService }),
    sources.endpointSlices.subscribe({
      add: (s) => put(s, true),
      update: (s, old) => {
        if (old.metadata.labels?.[SERVICE_NAME_LABEL] !== s.metadata.labels?.[SERVICE_NAME_LABEL]) put(old, false);
        put(s, true);
      },
      delete: (s) => put(s, false),
    }),
    sources.namespaces.subscribe({
      add: (n) => index.setNamespace(n.metadata.name, true),
      delete: (n) => index.setNamespace(n.metadata.name, false),
    }),
  ];
  const informers = [sources.services, sources.endpointSlices, sources.namespaces];
  return {
    synced: async (ctx) => void (await Promise.all(informers.map((informer) => informer.synced(ctx)))),
    stop() {
      for (const stop of stops) stop();
    },
  };
}
