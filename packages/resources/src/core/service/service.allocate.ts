/** Gives Services their cluster IPs and node ports. Source: kubernetes pkg/registry/core/service/storage/alloc.go. */
import type { Service, ServicePort } from '@kapella/api/types/core-v1';
import type { ResourceDefinition, ServerAccess, StrategyContext } from '@kapella/apiserver';
import { type ApiError, type Ctx, errors, FieldErrors } from '@kapella/base';
import { claimsOf, clusterIpsOf, type IpFamilyName, nodePortsOf, type ServiceAllocator } from './service-allocator.ts';
import { isHeadless, needsClusterIp, needsHealthCheckPort, needsNodePort, withIpFamilies } from './service.families.ts';

/** Each try learns of addresses that others hold. */
const CLAIM_TRIES_MAX = 64;

type Allocate = NonNullable<ResourceDefinition<Service>['allocate']>;

export const allocateService: Allocate = {
  async onCreate(object, server, context, ctx) {
    return allocate(await loaded(server), object, undefined, context, ctx);
  },
  async onUpdate(next, old, server, context, ctx) {
    return allocate(await loaded(server), next, old, context, ctx);
  },
  onDelete(object, server) {
    const allocator = server.service<ServiceAllocator>('serviceAllocator');
    allocator.claims?.release(ownerOf(object), claimsOf(object));
    for (const ip of clusterIpsOf(object)) allocator.freeIp(ip);
    for (const port of nodePortsOf(object)) allocator.freePort(port);
  },
};

async function loaded(server: ServerAccess): Promise<ServiceAllocator> {
  const allocator = server.service<ServiceAllocator>('serviceAllocator');
  await allocator.load(server);
  return allocator;
}

/** What one write takes, so that it can be given back when the write fails. */
class Transaction {
  readonly allocator: ServiceAllocator;
  readonly #ips: string[] = [];
  readonly #ports: number[] = [];

  constructor(allocator: ServiceAllocator) {
    this.allocator = allocator;
  }

  takeIp(family: IpFamilyName): string {
    const ip = this.allocator.takeIp(family);
    this.#ips.push(ip);
    return ip;
  }

  reserveIp(ip: string): void {
    this.allocator.reserveIp(ip);
    this.#ips.push(ip);
  }

  takePort(): number {
    const port = this.allocator.takePort();
    this.#ports.push(port);
    return port;
  }

  reservePort(port: number): void {
    this.allocator.reservePort(port);
    this.#ports.push(port);
  }

  rollback(): void {
    for (const ip of this.#ips.splice(0)) this.allocator.freeIp(ip);
    for (const port of this.#ports.splice(0)) this.allocator.freePort(port);
  }
}

interface Allocated {
  readonly object: Service;
  rollback(): void;
}

/** Where other servers allocate too: what was drawn here and is held there stays taken, and another one is drawn. */
async function allocate(
  allocator: ServiceAllocator,
  next: Service,
  old: Service | undefined,
  context: StrategyContext,
  ctx: Ctx,
): Promise<Allocated> {
  const { claims } = allocator;
  if (claims === undefined || context.dryRun) return inTransaction(allocator, next, old, context);
  const owner = ownerOf(next);
  const held = old === undefined ? [] : claimsOf(old);
  for (let tries = 1; ; tries++) {
    const { object, rollback } = inTransaction(allocator, next, old, context);
    const wanted = claimsOf(object).filter((value) => !held.includes(value));
    const giveBack = () => {
      rollback();
      claims.release(owner, wanted);
    };
    const lost = wanted.length === 0 ? [] : await claims.claim(owner, wanted, ctx);
    if (lost.length === 0) return { object, rollback: giveBack };
    giveBack();
    for (const value of lost) allocator.markTaken(value);
    if (tries >= CLAIM_TRIES_MAX) throw errors.internal('failed to allocate a serviceIP: range is full');
  }
}

const ownerOf = ({ metadata }: Service): string => `${metadata.namespace ?? ''}/${metadata.name}`;

/** Synchronous from first to last address: a failure gives everything back. */
function inTransaction(
  allocator: ServiceAllocator,
  next: Service,
  old: Service | undefined,
  context: StrategyContext,
): Allocated {
  const transaction = new Transaction(allocator);
  try {
    const families = new FieldErrors();
    const prepared = withIpFamilies(next, old, allocator.families, families);
    if (families.any) throw invalid(next, families);
    const withIps = allocateIps(prepared, old, transaction);
    const object = allocatePorts(withIps, old, transaction);
    if (context.dryRun) transaction.rollback();
    else if (old !== undefined) releaseUnused(object, old, allocator);
    return { object, rollback: () => transaction.rollback() };
  } catch (error) {
    transaction.rollback();
    throw error;
  }
}

function invalid(service: Service, found: FieldErrors): ApiError {
  return found.toApiError({ group: '', kind: 'Service', name: service.metadata.name });
}

function allocateIps(service: Service, old: Service | undefined, transaction: Transaction): Service {
  if (!needsClusterIp(service) || isHeadless(service)) return service;
  const held = old === undefined ? [] : clusterIpsOf(old);
  const given = service.spec.clusterIPs ?? (service.spec.clusterIP ? [service.spec.clusterIP] : []);
  // What the Service names itself goes first: a random choice must not take it away.
  for (const ip of given) {
    if (ip === '' || held.includes(ip)) continue;
    try {
      transaction.reserveIp(ip);
    } catch (error) {
      const found = new FieldErrors();
      found.invalid('spec.clusterIPs', given, `failed to allocate IP ${ip}: ${(error as Error).message}`);
      throw invalid(service, found);
    }
  }
  const clusterIPs = (service.spec.ipFamilies ?? []).map((family, i) => {
    if (given[i]) return given[i];
    try {
      return transaction.takeIp(family as IpFamilyName);
    } catch (error) {
      throw errors.internal(`failed to allocate a serviceIP: ${(error as Error).message}`, error);
    }
  });
  return { ...service, spec: { ...service.spec, clusterIPs, clusterIP: clusterIPs[0] ?? '' } };
}

function allocatePorts(service: Service, old: Service | undefined, transaction: Transaction): Service {
  const held = new Set(old === undefined ? [] : nodePortsOf(old));
  const mayHold = service.spec.type === 'NodePort' || service.spec.type === 'LoadBalancer';
  if (!mayHold) return service;
  const wanted = needsNodePort(service);
  // TCP and UDP on one port number share one node port, a chosen one before a drawn one.
  const byPort = chosenNodePorts(service.spec.ports ?? []);
  for (const [i, { nodePort }] of (service.spec.ports ?? []).entries()) {
    if (!nodePort || held.has(nodePort)) continue;
    reserve(service, `spec.ports[${i}].nodePort`, nodePort, transaction);
    held.add(nodePort);
  }
  const used = new Set((service.spec.ports ?? []).map((port) => `${port.protocol}/${port.nodePort ?? 0}`));
  const ports = (service.spec.ports ?? []).map((port): ServicePort => {
    if (port.nodePort || !wanted) return port;
    const shared = byPort.get(port.port);
    const nodePort = shared !== undefined && !used.has(`${port.protocol}/${shared}`) ? shared : draw(transaction);
    used.add(`${port.protocol}/${nodePort}`);
    byPort.set(port.port, nodePort);
    return { ...port, nodePort };
  });
  const spec = { ...service.spec, ...(service.spec.ports && { ports }) };
  return { ...service, spec: { ...spec, ...healthCheckPort(service, held, transaction) } };
}

/** By port; the first stays. */
function chosenNodePorts(ports: readonly ServicePort[]): Map<number, number> {
  const chosen = new Map<number, number>();
  for (const { port, nodePort } of ports) {
    if (nodePort && !chosen.has(port)) chosen.set(port, nodePort);
  }
  return chosen;
}

function healthCheckPort(
  service: Service,
  held: ReadonlySet<number>,
  transaction: Transaction,
): { healthCheckNodePort?: number } {
  if (!needsHealthCheckPort(service)) return {};
  const chosen = service.spec.healthCheckNodePort;
  if (!chosen) return { healthCheckNodePort: draw(transaction) };
  if (!held.has(chosen)) {
    try {
      transaction.reservePort(chosen);
    } catch (error) {
      const why = `failed to allocate requested HealthCheck NodePort ${chosen}: ${(error as Error).message}`;
      throw errors.internal(why, error);
    }
  }
  return {};
}

function reserve(service: Service, field: string, port: number, transaction: Transaction): void {
  try {
    transaction.reservePort(port);
  } catch (error) {
    const found = new FieldErrors();
    found.invalid(field, port, (error as Error).message);
    throw invalid(service, found);
  }
}

function draw(transaction: Transaction): number {
  try {
    return transaction.takePort();
  } catch (error) {
    throw errors.internal(`failed to allocate a nodePort: ${(error as Error).message}`, error);
  }
}

function releaseUnused(next: Service, old: Service, allocator: ServiceAllocator): void {
  const ips = clusterIpsOf(next);
  const ports = nodePortsOf(next);
  for (const ip of clusterIpsOf(old)) if (!ips.includes(ip)) allocator.freeIp(ip);
  for (const port of nodePortsOf(old)) if (!ports.includes(port)) allocator.freePort(port);
}
