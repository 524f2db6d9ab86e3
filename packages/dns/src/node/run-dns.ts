/** The cluster's DNS server in one call: follows the API, listens, forwards what is not the cluster's. */
import type { Ctx } from '@kapella/base';
import { followRecords, type RecordSources } from '../follow-records.ts';
import { createDnsChain } from '../plugins/index.ts';
import { type DnsCounts, renderCounts } from '../plugins/errors/errors.plugin.ts';
import { RecordIndex } from '../record-index.ts';
import { type ServerOptions, startDnsServer } from './server.ts';
import { resolvConfUpstreams } from './upstream.ts';

const TTL_SECONDS_DEFAULT = 5;

export interface DnsOptions extends ServerOptions {
  readonly sources: RecordSources;
  /** e.g. `cluster.local` */
  readonly clusterDomain: string;
  readonly ttlSeconds?: number;
  readonly hosts?: ReadonlyMap<string, readonly string[]>;
  /** The host's, not a Pod's: `/etc/resolv.conf`. */
  readonly resolvConfPath: string;
}

export interface RunningDns {
  readonly address: string;
  /** The port in use, for the EndpointSlice of `kube-dns`. */
  readonly port: number;
  /** True once the first lists are served; before, unknown cluster names get SERVFAIL. */
  isReady(): boolean;
  /** Prometheus text. */
  metrics(): string;
  close(): Promise<void>;
}

/** Resolves when it listens, which does not wait for the API. Ends by close() or with `ctx`. */
export async function startDns(options: DnsOptions, ctx: Ctx): Promise<RunningDns> {
  const zone = { zone: options.clusterDomain, ttlSeconds: options.ttlSeconds ?? TTL_SECONDS_DEFAULT };
  const index = new RecordIndex();
  const counts: DnsCounts = new Map();
  const follow = followRecords(index, options.sources, zone);
  let isReady = false;
  const chain = createDnsChain({
    index,
    zone,
    counts,
    isReady: () => isReady,
    upstreams: resolvConfUpstreams(options.resolvConfPath, new Set([options.address])),
    ...(options.hosts === undefined ? {} : { hosts: options.hosts }),
  });
  const server = await startDnsServer(options, chain, ctx);
  follow.synced(ctx).then(
    () => {
      isReady = true;
      ctx.log.info('dns serves', { address: server.address, port: server.port, names: index.nameCount });
    },
    () => {}, // aborted
  );
  let closing: Promise<void> | undefined;
  const close = () => {
    follow.stop();
    closing ??= server.close();
    return closing;
  };
  ctx.signal.addEventListener('abort', () => void close(), { once: true });
  return {
    address: server.address,
    port: server.port,
    isReady: () => isReady,
    metrics: () => renderCounts(counts),
    close,
  };
}
