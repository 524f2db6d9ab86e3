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
    for (const next of endpointsOfSlice(slice, portName, nodeName)) {
      const key = `${next.ip} ${next.port}`;
      const known = found.get(key);
      // An endpoint in two slices is moving between them: the usable record wins.
      if (known === undefined || (!known.ready && next.ready)) found.set(key, next);
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, endpoint]) => endpoint);
}

function endpointsOfSlice(slice: EndpointSlice, portName: string, nodeName: string): ProxyEndpoint[] {
  const port = slice.ports?.find((p) => (p.name ?? '') === portName)?.port;
  if (port === undefined || port === null) return [];
  return (slice.endpoints ?? []).flatMap((endpoint) => {
    const ip = endpoint.addresses[0];
    if (ip === undefined) return [];
    const ready = endpoint.conditions?.ready ?? true;
    return [
      {
        ip,
        port,
        local: endpoint.nodeName === nodeName,
        ready,
        serving: endpoint.conditions?.serving ?? ready,
        terminating: endpoint.conditions?.terminating ?? false,
        mayHairpin: endpoint.nodeName === undefined || endpoint.nodeName === nodeName,
      },
    ];
  });
}

/** The ready ones; when there are none, those that still serve while they end, rather than nothing. */
export function usable(endpoints: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  const ready = endpoints.filter((e) => e.ready);
  return ready.length > 0 ? ready : endpoints.filter((e) => e.serving && e.terminating);
}
