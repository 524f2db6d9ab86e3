/** Gives Services their cluster IPs and node ports. Source: kubernetes pkg/registry/core/service/storage/alloc.go. */
import type { Service, ServicePort } from '@kapella/api/types/core-v1';
import type { ResourceDefinition, ServerAccess, StrategyContext } from '@kapella/apiserver';
import { type ApiError, type Ctx, errors, FieldErrors } from '@kapella/base';
import { clusterIpsOf, nodePortsOf } from './address-index.ts';
import type { IpFamilyName } from './ip-networks.ts';
import type { AddressOwner, ServiceAllocator } from './service-allocator.ts';
import { isHeadless, needsClusterIp, needsHealthCheckPort, needsNodePort, withIpFamilies } from './service.families.ts';

type Allocate = NonNullable<ResourceDefinition<Service>['allocate']>;

export const allocateService: Allocate = {
  onCreate: (object, server, context, ctx) =>
    inTransaction(new Transaction(server, context, object, ctx), object, undefined),
  onUpdate: (next, old, server, context, ctx) => inTransaction(new Transaction(server, context, next, ctx), next, old),
  async onDelete(object, server, ctx) {
    const { namespace = '', name } = object.metadata;
    const held = { ips: clusterIpsOf(object), ports: nodePortsOf(object), owner: { namespace, name } };
    await release(allocatorOf(server), held, server, ctx);
  },
};

function allocatorOf(server: ServerAccess): ServiceAllocator {
  const allocator = server.service<ServiceAllocator>('serviceAllocator');
  allocator.load(server);
  return allocator;
}

interface Held {
  readonly ips: readonly string[];
  readonly ports: readonly number[];
  readonly owner: AddressOwner | undefined;
}

async function release(
  allocator: ServiceAllocator,
  { ips, ports, owner }: Held,
  server: ServerAccess,
  ctx: Ctx,
): Promise<void> {
  for (const port of ports) allocator.freePort(port, owner);
  await Promise.all(ips.map((ip) => allocator.freeIp(ip, server, ctx)));
}

/** What one write takes, so that it can be given back when the write fails. */
class Transaction {
  readonly allocator: ServiceAllocator;
  readonly server: ServerAccess;
  readonly dryRun: boolean;
  readonly ctx: Ctx;
  readonly #owner: AddressOwner | undefined;
  readonly #ips: string[] = [];
  readonly #ports: number[] = [];

  constructor(server: ServerAccess, { dryRun, namespace }: StrategyContext, { metadata }: Service, ctx: Ctx) {
    this.allocator = allocatorOf(server);
    this.server = server;
    this.dryRun = dryRun;
    this.ctx = ctx;
    const { name } = metadata;
    this.#owner = dryRun ? undefined : { namespace: metadata.namespace ?? namespace, name };
  }

  async takeIp(family: IpFamilyName): Promise<string> {
    const ip = await this.allocator.takeIp(family, this.#owner, this.server, this.ctx);
    this.#ips.push(ip);
    return ip;
  }

  async reserveIp(ip: string): Promise<void> {
    await this.allocator.reserveIp(ip, this.#owner, this.server, this.ctx);
    this.#ips.push(ip);
  }

  async takePort(): Promise<number> {
    const port = await this.allocator.takePort(this.#owner, this.ctx);
    this.#ports.push(port);
    return port;
  }

  async reservePort(port: number): Promise<void> {
    await this.allocator.reservePort(port, this.#owner, this.ctx);
    this.#ports.push(port);
  }

  async rollback(): Promise<void> {
    const ips = this.dryRun ? [] : this.#ips.splice(0);
    const held = { ips, ports: this.#ports.splice(0), owner: this.#owner };
    await release(this.allocator, held, this.server, this.ctx);
  }

  /** The write is done: what the Service held and does not hold any more. */
  async releaseUnused(next: Service, old: Service): Promise<void> {
    const [ips, ports] = [clusterIpsOf(next), nodePortsOf(next)];
    const gone = clusterIpsOf(old).filter((ip) => !ips.includes(ip));
    const unused = nodePortsOf(old).filter((port) => !ports.includes(port));
    await release(this.allocator, { ips: gone, ports: unused, owner: this.#owner }, this.server, this.ctx);
  }
}

async function inTransaction(
  transaction: Transaction,
  next: Service,
  old: Service | undefined,
): ReturnType<Allocate['onCreate']> {
  try {
    const families = new FieldErrors();
    const prepared = withIpFamilies(next, old, transaction.allocator.families, families);
    if (families.any) throw invalid(next, families);
    const withIps = await allocateIps(prepared, old, transaction);
    const object = await allocatePorts(withIps, old, transaction);
    if (transaction.dryRun) await transaction.rollback();
    return {
      object,
      rollback: () => transaction.rollback(),
      ...(old === undefined ? {} : { done: () => transaction.releaseUnused(object, old) }),
    };
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

function invalid(service: Service, found: FieldErrors): ApiError {
  return found.toApiError({ group: '', kind: 'Service', name: service.metadata.name });
}

async function allocateIps(service: Service, old: Service | undefined, transaction: Transaction): Promise<Service> {
  if (!needsClusterIp(service) || isHeadless(service)) return service;
  const held = old === undefined ? [] : clusterIpsOf(old);
  const given = service.spec.clusterIPs ?? (service.spec.clusterIP ? [service.spec.clusterIP] : []);
  // What the Service names itself goes first: a random choice must not take it away.
  for (const ip of given) if (ip !== '' && !held.includes(ip)) await reserveIp(service, ip, given, transaction);
  const clusterIPs: string[] = [];
  for (const [i, family] of (service.spec.ipFamilies ?? []).entries()) {
    try {
      clusterIPs.push(given[i] || (await transaction.takeIp(family as IpFamilyName)));
    } catch (error) {
      throw errors.internal(`failed to allocate a serviceIP: ${(error as Error).message}`, error);
    }
  }
  return { ...service, spec: { ...service.spec, clusterIPs, clusterIP: clusterIPs[0] ?? '' } };
}

async function reserveIp(
  service: Service,
  ip: string,
  given: readonly string[],
  transaction: Transaction,
): Promise<void> {
  try {
    await transaction.reserveIp(ip);
  } catch (error) {
    const found = new FieldErrors();
    found.invalid('spec.clusterIPs', given, `failed to allocate IP ${ip}: ${(error as Error).message}`);
    throw invalid(service, found);
  }
}

async function allocatePorts(service: Service, old: Service | undefined, transaction: Transaction): Promise<Service> {
  const held = new Set(old === undefined ? [] : nodePortsOf(old));
  const mayHold = service.spec.type === 'NodePort' || service.spec.type === 'LoadBalancer';
  if (!mayHold) return service;
  const wanted = needsNodePort(service);
  // TCP and UDP on one port number share one node port, a chosen one before a drawn one.
  const byPort = chosenNodePorts(service.spec.ports ?? []);
  for (const [i, { nodePort }] of (service.spec.ports ?? []).entries()) {
    if (!nodePort || held.has(nodePort)) continue;
    await reserve(service, `spec.ports[${i}].nodePort`, nodePort, transaction);
    held.add(nodePort);
  }
  const ports = wanted ? await drawPorts(service.spec.ports ?? [], byPort, transaction) : service.spec.ports;
  const spec = { ...service.spec, ...(service.spec.ports && { ports }) };
  return { ...service, spec: { ...spec, ...(await healthCheckPort(service, held, transaction)) } };
}

async function drawPorts(
  ports: readonly ServicePort[],
  byPort: Map<number, number>,
  transaction: Transaction,
): Promise<ServicePort[]> {
  const used = new Set(ports.map((port) => `${port.protocol}/${port.nodePort ?? 0}`));
  const drawn: ServicePort[] = [];
  for (const port of ports) {
    const shared = byPort.get(port.port);
    const isShared = shared !== undefined && !used.has(`${port.protocol}/${shared}`);
    const nodePort = port.nodePort || (isShared ? shared : await draw(transaction));
    used.add(`${port.protocol}/${nodePort}`);
    if (!port.nodePort) byPort.set(port.port, nodePort);
    drawn.push({ ...port, nodePort });
  }
  return drawn;
}

/** By port; the first stays. */
function chosenNodePorts(ports: readonly ServicePort[]): Map<number, number> {
  const chosen = new Map<number, number>();
  for (const { port, nodePort } of ports) {
    if (nodePort && !chosen.has(port)) chosen.set(port, nodePort);
  }
  return chosen;
}

async function healthCheckPort(
  service: Service,
  held: ReadonlySet<number>,
  transaction: Transaction,
): Promise<{ healthCheckNodePort?: number }> {
  if (!needsHealthCheckPort(service)) return {};
  const chosen = service.spec.healthCheckNodePort;
  if (!chosen) return { healthCheckNodePort: await draw(transaction) };
  if (!held.has(chosen)) {
    try {
      await transaction.reservePort(chosen);
    } catch (error) {
      const why = `failed to allocate requested HealthCheck NodePort ${chosen}: ${(error as Error).message}`;
      throw errors.internal(why, error);
    }
  }
  return {};
}

async function reserve(service: Service, field: string, port: number, transaction: Transaction): Promise<void> {
  try {
    await transaction.reservePort(port);
  } catch (error) {
    const found = new FieldErrors();
    found.invalid(field, port, (error as Error).message);
    throw invalid(service, found);
  }
}

async function draw(transaction: Transaction): Promise<number> {
  try {
    return await transaction.takePort();
  } catch (error) {
    throw errors.internal(`failed to allocate a nodePort: ${(error as Error).message}`, error);
  }
}
