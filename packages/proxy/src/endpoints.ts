/** Which endpoints of a Service port take traffic. Source: kubernetes pkg/proxy/{topology,endpointslicecache}.go. */
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import type { Family } from './model.ts';

export interface ProxyEndpoint {
  readonly ip: string;
  readonly port: number;
  readonly local: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** On this node or on one that is not known. */
  readonly mayHairpin: boolean;
}

/** Endpoints for one Service port name, without doubles, in a stable order. */
export function endpointsOfPort(
  slices: readonly EndpointSlice[],
  portName: string,
  family: Family,
  nodeName: string,
): readonly ProxyEndpoint[] {
  const found = new Map<string, ProxyEndpoint>();
  for (const slice of slices) {
    if (slice.addressType !== family || slice.metadata.deletionTimestamp !== undefined) continue;
    const port = slice.ports?.find((p) => (p.name ?? '') === portName)?.port;
    if (port === undefined || port === null) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const ip = endpoint.addresses[0];
      if (ip === undefined) continue;
      const ready = endpoint.conditions?.ready ?? true;
      const next: ProxyEndpoint = {
        ip,
        port,
        local: endpoint.nodeName === nodeName,
        ready,
        serving: endpoint.conditions?.serving ?? ready,
        terminating: endpoint.conditions?.terminating ?? false,
        mayHairpin: endpoint.nodeName === undefined || endpoint.nodeName === nodeName,
      };
      const key = `${ip} ${port}`;
      const known = found.get(key);
      // An endpoint in two slices is moving between them: the usable record wins.
      if (known === undefined || (!known.ready && next.ready)) found.set(key, next);
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, endpoint]) => endpoint);
}

/** The ready ones; when there are none, those that still serve while they end, rather than nothing. */
export function usable(endpoints: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  const ready = endpoints.filter((e) => e.ready);
  return ready.length > 0 ? ready : endpoints.filter((e) => e.serving && e.terminating);
}
