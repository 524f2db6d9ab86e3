/** The table of DNS plugins in the order of the chain. */
import type { DnsHandler } from '../message.ts';
import { createChain } from '../message.ts';
import type { ZoneOptions } from '../plan-records.ts';
import type { RecordIndex } from '../record-index.ts';
import { cachePlugin } from './cache/cache.plugin.ts';
import { type DnsCounts, errorsPlugin } from './errors/errors.plugin.ts';
import { forwardPlugin, type Upstream } from './forward/forward.plugin.ts';
import { hostsPlugin } from './hosts/hosts.plugin.ts';
import { kubernetesPlugin } from './kubernetes/kubernetes.plugin.ts';

export interface ChainDeps {
  readonly index: RecordIndex;
  readonly zone: ZoneOptions;
  readonly isReady: () => boolean;
  readonly hosts?: ReadonlyMap<string, readonly string[]>;
  readonly upstreams: () => readonly Upstream[];
  readonly counts: DnsCounts;
}

/** The cluster's own records need no cache: they are in memory and always as of now. */
export function createDnsChain(deps: ChainDeps): DnsHandler {
  return createChain([
    errorsPlugin(deps.counts),
    hostsPlugin(deps.hosts ?? new Map()),
    kubernetesPlugin(deps.index, deps.zone, deps.isReady),
    cachePlugin(),
    forwardPlugin(deps.upstreams),
  ]);
}
