/**
 * Keeps the records of Services' addresses right: at start for all, then for whatever changes.
 * Source: kubernetes pkg/registry/core/service/ipallocator/controller/repairip.go.
 */
import { coreV1, networkingV1 } from '@kapella/api';
import type { ApiServer, ServerAccess } from '@kapella/apiserver';
import { type Ctx, describeError, parseTime, type Timer } from '@kapella/base';
import { createEventRecorder, type EventRecorder } from '@kapella/client';
import {
  addressRecord,
  parentOf,
  planRepair,
  portProblems,
  type RepairEvent,
  type ServiceAllocator,
} from '@kapella/resources';
import { clientFor, MASTER } from './control-plane.ts';

/** A write makes its record before its Service: what is under way is let finish. */
const SETTLE_MS = 1_000;
const AT_ONCE_MAX = 50;

/** Runs until `ctx` ends. The allocator must have begun to follow. */
export function startRepair(allocator: ServiceAllocator, server: ApiServer, ctx: Ctx): void {
  const client = clientFor(server, MASTER, 'kube-apiserver/ipallocator-repair-controller');
  const recorder = createEventRecorder(client, { component: 'ipallocator-repair-controller' }, ctx);
  recorder.run(ctx).catch((error: unknown) => {
    if (!ctx.signal.aborted) ctx.log.error('events of the address repair not written', { error: describeError(error) });
  });
  const repair = new ServiceRepair(allocator, server.access, recorder, ctx);
  const stop = allocator.index.listen(({ ip, port }) => {
    if (ip !== undefined) repair.look(ip);
    if (port !== undefined && allocator.index.holdersOfPort(port).length > 1) repair.lookAtPort(port);
  });
  ctx.signal.addEventListener('abort', stop, { once: true });
  for (const ip of allocator.index.addresses) repair.look(ip);
  for (const { ips, ports } of allocator.index.services.values()) {
    for (const ip of ips) repair.look(ip);
    for (const port of ports) repair.lookAtPort(port);
  }
}

class ServiceRepair {
  readonly #allocator: ServiceAllocator;
  readonly #server: ServerAccess;
  readonly #recorder: EventRecorder;
  readonly #ctx: Ctx;
  readonly #ips = new Set<string>();
  readonly #ports = new Set<number>();
  #timer: Timer | undefined;

  constructor(allocator: ServiceAllocator, server: ServerAccess, recorder: EventRecorder, ctx: Ctx) {
    this.#allocator = allocator;
    this.#server = server;
    this.#recorder = recorder;
    this.#ctx = ctx;
  }

  look(ip: string): void {
    this.#ips.add(ip);
    this.#schedule();
  }

  lookAtPort(port: number): void {
    this.#ports.add(port);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#ctx.signal.aborted) return;
    this.#timer ??= this.#ctx.clock.setTimer(SETTLE_MS, () => {
      this.#timer = undefined;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const ips = [...this.#ips].filter((ip) => this.#mayBeWrong(ip));
    this.#ips.clear();
    for (let i = 0; i < ips.length; i += AT_ONCE_MAX) {
      await Promise.all(ips.slice(i, i + AT_ONCE_MAX).map((ip) => this.#repair(ip)));
      if (this.#ctx.signal.aborted) return;
    }
    const ports = [...this.#ports];
    this.#ports.clear();
    const { index, portsText } = this.#allocator;
    for (const port of ports) {
      const problems = portProblems(port, index.holdersOfPort(port), this.#allocator.isInPorts(port), portsText);
      await Promise.all(problems.map((problem) => this.#tell(problem, '')));
    }
  }

  /** Without reading anything: one holder, its record there, in the networks. Labels and parents are read below. */
  #mayBeWrong(ip: string): boolean {
    return this.#allocator.index.hasAddress(ip) || this.#allocator.index.holdersOf(ip).length > 0;
  }

  async #repair(ip: string): Promise<void> {
    try {
      const record = await this.#server.get(networkingV1.IPAddress, '', ip);
      const plan = planRepair({
        ip,
        record,
        holders: this.#allocator.index.holdersOf(ip),
        isInNetworks: this.#allocator.isInNetworks(ip),
        parent: await this.#parentFacts(parentOf(record)),
        nowMs: this.#ctx.clock.nowMs(),
      });
      await Promise.all(plan.events.map((event) => this.#tell(event, ip)));
      if (plan.remove) await this.#allocator.freeIp(ip, this.#server, this.#ctx);
      if (plan.recordFor !== undefined) {
        const [namespace = '', name = ''] = plan.recordFor.split('/');
        await this.#server.create(networkingV1.IPAddress, addressRecord(ip, { namespace, name }), this.#ctx);
      }
      if (plan.againMs !== undefined) this.#ctx.clock.setTimer(plan.againMs, () => this.look(ip));
    } catch (error) {
      if (this.#ctx.signal.aborted) return;
      this.#ctx.log.warn('address not repaired', { ip, error: describeError(error) });
      this.look(ip);
    }
  }

  async #parentFacts(key: string | undefined) {
    const service = key === undefined ? undefined : await this.#serviceOf(key);
    if (service === undefined) return undefined;
    const createdMs = parseTime(service.metadata.creationTimestamp) ?? 0;
    return { type: service.spec.type ?? 'ClusterIP', createdMs };
  }

  #serviceOf(key: string) {
    const [namespace = '', name = ''] = key.split('/');
    return this.#server.get(coreV1.Service, namespace, name);
  }

  async #tell({ service, reason, message }: RepairEvent, ip: string): Promise<void> {
    const about =
      service === undefined ? await this.#server.get(networkingV1.IPAddress, '', ip) : await this.#serviceOf(service);
    if (about !== undefined) this.#recorder.event(about, 'Warning', reason, message);
  }
}
