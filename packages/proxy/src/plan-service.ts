/** One Service and its EndpointSlices -> elements of the table. Source: kubernetes pkg/proxy/nftables/proxier.go. */
import type { Service, ServicePort } from '@kapella/api/types/core-v1';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import { endpointsOfPort, type ProxyEndpoint, usable } from './endpoints.ts';
import {
  type Contribution,
  type Element,
  type Family,
  familyOf,
  hostPort,
  PROTOCOL_NUMBERS,
  type ProxyNode,
  type SetName,
  type UdpFrontend,
} from './model.ts';
import { stickyIds } from './sticky-ids.ts';

const AFFINITY_SECONDS_DEFAULT = 10_800;
const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';

/** False for Services that no rule stands for: headless, ExternalName, or another proxy's. */
export function isProxied(service: Service): boolean {
  const { clusterIP, type } = service.spec;
  if (type === 'ExternalName' || clusterIP === undefined || clusterIP === '' || clusterIP === 'None') return false;
  return service.metadata.labels?.[PROXY_NAME_LABEL] === undefined;
}

/** Pure and independent of every other Service. `slices` are those labelled with this Service's name. */
export function planService(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ProxyNode,
  family: Family,
): Contribution {
  const out = createSink();
  if (!isProxied(service)) return out.take();
  for (const port of service.spec.ports ?? []) planPort(service, port, slices, node, family, out);
  return out.take();
}

function planPort(
  service: Service,
  port: ServicePort,
  slices: readonly EndpointSlice[],
  node: ProxyNode,
  family: Family,
  out: Sink,
): void {
  const all = endpointsOfPort(slices, port.name ?? '', family, node.name);
  const everywhere = usable(all);
  const local = usable(all.filter((e) => e.local));
  const protocol = PROTOCOL_NUMBERS[port.protocol ?? 'TCP'] ?? 6;
  const affinitySeconds = affinityOf(service);
  const front = (ip: string, number: number): Frontend => ({ ip, port: number, protocol, affinitySeconds });

  for (const ip of clusterIPsOf(service, family)) {
    const onlyLocal = service.spec.internalTrafficPolicy === 'Local';
    out.add('cluster-ips', ip, '');
    forward(out, front(ip, port.port), onlyLocal ? local : everywhere, onlyLocal && everywhere.length > 0);
  }
  for (const { ip, number, guarded } of externalFrontends(service, port, node, family)) {
    const frontend = front(ip, number);
    if (guarded) guard(out, frontend, service.spec.loadBalancerSourceRanges ?? [], family);
    forward(out, frontend, everywhere, false);
    if (everywhere.length > 0) planMasquerade(service, out, frontend, local);
  }
  for (const { ip } of everywhere.filter((e) => e.mayHairpin)) out.add('hairpin', `${ip} . ${ip}`, '');
}

function planMasquerade(service: Service, out: Sink, frontend: Frontend, local: readonly Target[]): void {
  if (service.spec.externalTrafficPolicy !== 'Local') {
    out.add('masquerades', keyOf(frontend), 'jump mark-all');
    return;
  }
  out.add('masquerades', keyOf(frontend), 'jump mark-local');
  forwardExternalLocal(out, frontend, local);
}

export interface Frontend {
  readonly ip: string;
  readonly port: number;
  readonly protocol: number;
  /** undefined: no session affinity. */
  readonly affinitySeconds: number | undefined;
}

const keyOf = (f: Frontend): string => `${f.ip} . ${f.protocol} . ${f.port}`;

type Target = Pick<ProxyEndpoint, 'ip' | 'port'>;

/** Traffic to `frontend` goes to `endpoints`; with none it is refused, or dropped where others could have served it. */
export function forward(out: Sink, frontend: Frontend, endpoints: readonly Target[], dropEmpty: boolean): void {
  const key = keyOf(frontend);
  if (frontend.protocol === PROTOCOL_NUMBERS['UDP']) {
    out.udp({ ip: frontend.ip, port: frontend.port, endpoints: endpoints.map((e) => hostPort(e.ip, e.port)) });
  }
  if (endpoints.length === 0) out.add('refused', key, dropEmpty ? 'drop' : 'goto refuse');
  else
    balance(out, frontend, endpoints, { services: 'services', endpoints: 'endpoints', ids: 'sticky-ids', suffix: '' });
}

/** What comes from outside goes to this node's endpoints alone, so that the source address can be kept. */
function forwardExternalLocal(out: Sink, frontend: Frontend, local: readonly Target[]): void {
  if (local.length === 0) {
    out.add('external-local', keyOf(frontend), 'drop');
    return;
  }
  balance(out, frontend, local, {
    services: 'external-local',
    endpoints: 'endpoints-local',
    ids: 'sticky-ids-local',
    suffix: 'local-',
  });
}

interface BalanceSets {
  readonly services: SetName;
  readonly endpoints: SetName;
  readonly ids: SetName;
  readonly suffix: string;
}

function balance(out: Sink, frontend: Frontend, endpoints: readonly Target[], sets: BalanceSets): void {
  const key = keyOf(frontend);
  const count = endpoints.length;
  if (frontend.affinitySeconds === undefined) {
    out.add(sets.services, key, `goto pick-${sets.suffix}${count}`);
    for (const [i, e] of endpoints.entries()) out.add(sets.endpoints, `${key} . ${i}`, `${e.ip} . ${e.port}`);
    return;
  }
  out.add(sets.services, key, `goto stick-${sets.suffix}${count}-${frontend.affinitySeconds}`);
  const ids = stickyIds(endpoints.map((e) => hostPort(e.ip, e.port)));
  endpoints.forEach((e, i) => {
    out.add(sets.ids, `${key} . ${i}`, `${ids[i]}`); // chance -> endpoint
    out.add(sets.ids, `${key} . ${ids[i]}`, `${ids[i]}`); // "this endpoint still exists"
    out.add('sticky-endpoints', `${key} . ${ids[i]}`, `${e.ip} . ${e.port}`);
  });
}

function guard(out: Sink, frontend: Frontend, ranges: readonly string[], family: Family): void {
  const key = keyOf(frontend);
  out.add('guarded', key, '');
  for (const range of ranges) {
    const cidr = range.trim();
    if (familyOf(cidr) === family) out.add('allowed', `${key} . ${cidr}`, '');
  }
}

function affinityOf(service: Service): number | undefined {
  if (service.spec.sessionAffinity !== 'ClientIP') return undefined;
  return service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS_DEFAULT;
}

function clusterIPsOf(service: Service, family: Family): readonly string[] {
  const { clusterIP, clusterIPs } = service.spec;
  const all =
    clusterIPs !== undefined && clusterIPs.length > 0 ? clusterIPs : clusterIP === undefined ? [] : [clusterIP];
  return all.filter((ip) => familyOf(ip) === family);
}

interface ExternalFrontend {
  readonly ip: string;
  readonly number: number;
  readonly guarded: boolean;
}

function externalFrontends(service: Service, port: ServicePort, node: ProxyNode, family: Family): ExternalFrontend[] {
  const external = (service.spec.externalIPs ?? []).map((ip) => ({ ip, number: port.port, guarded: false }));
  const all = [...external, ...nodePortFrontends(service, port, node), ...loadBalancerFrontends(service, port)];
  return all.filter((f) => familyOf(f.ip) === family);
}

function nodePortFrontends({ spec: { type } }: Service, port: ServicePort, node: ProxyNode): ExternalFrontend[] {
  const number = port.nodePort ?? 0;
  if (number <= 0 || (type !== 'NodePort' && type !== 'LoadBalancer')) return [];
  return node.nodePortAddresses.map((ip) => ({ ip, number, guarded: false }));
}

function loadBalancerFrontends({ spec, status }: Service, port: ServicePort): ExternalFrontend[] {
  if (spec.type !== 'LoadBalancer') return [];
  const guarded = (spec.loadBalancerSourceRanges ?? []).length > 0;
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip === undefined || ip === '' || ipMode === 'Proxy' ? [] : [{ ip, number: port.port, guarded }],
  );
}

/** Collects elements; the first of a key stays. */
export interface Sink {
  add(set: SetName, key: string, value: string): void;
  udp(frontend: UdpFrontend): void;
  take(): Contribution;
}

export function createSink(): Sink {
  const elements = new Map<string, Element>();
  const udp: UdpFrontend[] = [];
  return {
    add(set, key, value) {
      const id = `${set} ${key}`;
      if (!elements.has(id)) elements.set(id, { set, key, value });
    },
    udp: (frontend) => void udp.push(frontend),
    take: () => ({ elements: [...elements.values()], udp }),
  };
}
