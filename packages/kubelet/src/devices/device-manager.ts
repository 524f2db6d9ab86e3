/** Devices that plugins offer as extended resources. Source: kubernetes pkg/kubelet/cm/devicemanager. */
import { quantityValue } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { ContainerGrants, GrantManager } from '../grants/grants.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { Rejection } from '../lifecycle/admission.ts';
import { isSidecar } from '../lifecycle/observed.ts';
import type { ExtraAmounts } from '../registration/allocatable.ts';

const CHECKPOINT = 'kubelet_internal_checkpoint';
/** A plugin that is away that long takes its devices out of the node's capacity. */
const STOP_GRACE_MS = 5 * 60_000;

export interface PluginDevice {
  readonly id: string;
  readonly healthy: boolean;
}

/** One plugin, connected. */
export interface DevicePluginClient {
  readonly preStartRequired: boolean;
  readonly hasPreference: boolean;
  /** Calls `onDevices` with each list until the plugin goes away or `ctx` aborts. */
  watch(onDevices: (devices: readonly PluginDevice[]) => void, ctx: Ctx): Promise<void>;
  preferred(available: readonly string[], must: readonly string[], count: number, ctx: Ctx): Promise<readonly string[]>;
  allocate(ids: readonly string[], ctx: Ctx): Promise<Partial<ContainerGrants>>;
  preStart(ids: readonly string[], ctx: Ctx): Promise<void>;
  close(): void;
}

export interface DeviceManager extends GrantManager {
  /** A plugin offers that resource from now on; an older one of the same name is given up. */
  add(resource: string, client: DevicePluginClient, ctx: Ctx): void;
  /** For the node's status. */
  amounts(nowMs: number): ExtraAmounts;
  /** Healthy devices by resource. */
  available(): ReadonlyMap<string, readonly string[]>;
  /** What Pods hold, for the podresources API. */
  allocations(): readonly DeviceAllocation[];
}

export interface DeviceAllocation {
  readonly podUid: string;
  readonly container: string;
  readonly resource: string;
  readonly ids: readonly string[];
  readonly grants: Partial<ContainerGrants>;
}

interface Offer {
  client: DevicePluginClient | undefined;
  devices: ReadonlyMap<string, boolean>;
  stoppedAtMs: number | undefined;
}

export interface DeviceManagerDeps {
  readonly files: HostFiles;
  /** `device-plugins` below the agent's directory. */
  readonly dir: string;
  /** The node has more or less than before. */
  onChange(): void;
}

/** Reads what was given to Pods before. */
export async function createDeviceManager(deps: DeviceManagerDeps): Promise<DeviceManager> {
  const manager = new Manager(deps);
  await manager.load();
  return manager;
}

class Manager implements DeviceManager {
  readonly #deps: DeviceManagerDeps;
  readonly #offers = new Map<string, Offer>();
  #held: DeviceAllocation[] = [];
  /** One admission at a time: two Pods must not be given one device. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: DeviceManagerDeps) {
    this.#deps = deps;
  }

  add(resource: string, client: DevicePluginClient, ctx: Ctx): void {
    const offer = this.#offers.get(resource) ?? { client: undefined, devices: new Map(), stoppedAtMs: undefined };
    offer.client?.close();
    offer.client = client;
    offer.stoppedAtMs = undefined;
    this.#offers.set(resource, offer);
    const ended = (error?: unknown) => {
      client.close();
      if (offer.client !== client || ctx.signal.aborted) return;
      ctx.log.warn('device plugin gone', { resource, ...(error === undefined ? {} : { error: describeError(error) }) });
      offer.client = undefined;
      offer.stoppedAtMs = ctx.clock.nowMs();
      offer.devices = new Map([...offer.devices.keys()].map((id) => [id, false]));
      this.#changed(ctx);
    };
    const onDevices = (devices: readonly PluginDevice[]) => {
      if (offer.client !== client) return;
      offer.devices = new Map(devices.map(({ id, healthy }) => [id, healthy]));
      this.#changed(ctx);
    };
    client.watch(onDevices, ctx).then(() => ended(), ended);
  }

  #changed(ctx: Ctx): void {
    this.#deps.onChange();
    this.#save().catch((error: unknown) => ctx.log.warn('devices not saved', { error: describeError(error) }));
  }

  amounts(nowMs: number): ExtraAmounts {
    const amounts = new Map<string, { capacity: number; allocatable: number }>();
    for (const [resource, { devices, stoppedAtMs }] of this.#offers) {
      // A field of a status goes only by being 0: a merge leaves what is not named.
      const isOver = stoppedAtMs !== undefined && nowMs - stoppedAtMs >= STOP_GRACE_MS;
      const healthy = [...devices.values()].filter(Boolean).length;
      amounts.set(
        resource,
        isOver ? { capacity: 0, allocatable: 0 } : { capacity: devices.size, allocatable: healthy },
      );
    }
    return amounts;
  }

  available(): ReadonlyMap<string, readonly string[]> {
    const healthy = ({ devices }: Offer) => [...devices].filter(([, isHealthy]) => isHealthy).map(([id]) => id);
    return new Map([...this.#offers].map(([resource, offer]) => [resource, healthy(offer)]));
  }

  allocations(): readonly DeviceAllocation[] {
    return this.#held;
  }

  admit(pod: Pod, ctx: Ctx): Promise<Rejection | undefined> {
    const done = this.#turn.then(() => this.#admit(pod, ctx));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #admit(pod: Pod, ctx: Ctx): Promise<Rejection | undefined> {
    const reusable = new Map<string, Set<string>>();
    const before = this.#held.length;
    try {
      for (const container of pod.spec.initContainers ?? []) {
        await this.#allocateAll(pod, container, reusable, ctx);
        // What an init container had, the next ones may have, unless it goes on running.
        if (!isSidecar(container)) this.#lend(pod, container.name, reusable);
      }
      for (const container of pod.spec.containers) await this.#allocateAll(pod, container, reusable, ctx);
      if (this.#held.length > before) await this.#save();
      return undefined;
    } catch (error) {
      ctx.signal.throwIfAborted();
      await this.release(pod.metadata.uid);
      const why = error instanceof Error ? error.message : String(error);
      const message = `Allocate failed due to ${why}, which is unexpected`;
      return { reason: 'UnexpectedAdmissionError', message };
    }
  }

  #lend({ metadata }: Pod, container: string, reusable: Map<string, Set<string>>): void {
    for (const held of this.#held) {
      if (held.podUid !== metadata.uid || held.container !== container) continue;
      const ids = reusable.get(held.resource) ?? new Set();
      for (const id of held.ids) ids.add(id);
      reusable.set(held.resource, ids);
    }
  }

  async #allocateAll(pod: Pod, container: Container, reusable: Map<string, Set<string>>, ctx: Ctx): Promise<void> {
    for (const [resource, amount] of Object.entries(container.resources?.limits ?? {})) {
      const count = quantityValue(amount);
      if (!this.#offers.has(resource) || count === 0) continue;
      const podUid = pod.metadata.uid;
      const has = this.#held.find(
        (held) => held.podUid === podUid && held.container === container.name && held.resource === resource,
      );
      if (has !== undefined) continue;
      const lent = reusable.get(resource) ?? new Set<string>();
      const ids = await this.#choose(resource, count, lent, ctx);
      const client = this.#offers.get(resource)?.client;
      if (client === undefined) throw new Error(`no device plugin serves ${resource}`);
      const grants = await client.allocate(ids, ctx);
      for (const id of ids) lent.delete(id);
      this.#held.push({ podUid, container: container.name, resource, ids, grants });
    }
  }

  /** Lent ones first, then by the plugin's preference. */
  async #choose(resource: string, count: number, lent: ReadonlySet<string>, ctx: Ctx): Promise<readonly string[]> {
    const offer = this.#offers.get(resource) as Offer;
    const healthy = [...offer.devices].filter(([, isHealthy]) => isHealthy).map(([id]) => id);
    if (healthy.length === 0)
      throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
    const taken = new Set(this.#held.filter((held) => held.resource === resource).flatMap(({ ids }) => ids));
    const must = healthy
      .filter((id) => lent.has(id))
      .sort()
      .slice(0, count);
    const free = healthy.filter((id) => !taken.has(id) && !must.includes(id)).sort();
    const needed = count - must.length;
    if (free.length < needed) {
      const amounts = `Requested: ${needed}, Available: ${free.length}`;
      throw new Error(`requested number of devices unavailable for ${resource}. ${amounts}`);
    }
    if (needed === 0) return must;
    const client = offer.client;
    if (client?.hasPreference !== true || free.length === needed) return [...must, ...free.slice(0, needed)];
    const available = new Set([...must, ...free]);
    const wished = (await client.preferred([...available], must, count, ctx)).filter((id) => available.has(id));
    return [...new Set([...must, ...wished, ...free])].slice(0, count);
  }

  async grantsOf(pod: Pod, { name }: { readonly name: string }, ctx: Ctx): Promise<Partial<ContainerGrants>> {
    const own = this.#held.filter(({ podUid, container }) => podUid === pod.metadata.uid && container === name);
    for (const { resource, ids } of own) {
      const client = this.#offers.get(resource)?.client;
      if (client?.preStartRequired === true) await client.preStart(ids, ctx);
    }
    return {
      envs: Object.assign({}, ...own.map(({ grants }) => grants.envs ?? {})),
      annotations: Object.assign({}, ...own.map(({ grants }) => grants.annotations ?? {})),
      mounts: own.flatMap(({ grants }) => grants.mounts ?? []),
      devices: own.flatMap(({ grants }) => grants.devices ?? []),
      cdiDevices: own.flatMap(({ grants }) => grants.cdiDevices ?? []),
    };
  }

  async release(podUid: string): Promise<void> {
    const kept = this.#held.filter((held) => held.podUid !== podUid);
    if (kept.length === this.#held.length) return;
    this.#held = kept;
    await this.#save();
  }

  holders(): readonly string[] {
    return this.#held.map(({ podUid }) => podUid);
  }

  async #save(): Promise<void> {
    const { files, dir } = this.#deps;
    const RegisteredDevices = Object.fromEntries(
      [...this.#offers].map(([resource, { devices }]) => [resource, [...devices.keys()]]),
    );
    const PodDeviceEntries = this.#held.map(({ podUid, container, resource, ids, grants }) => ({
      ...{ PodUID: podUid, ContainerName: container, ResourceName: resource },
      DeviceIDs: { '-1': ids },
      AllocResp: grants,
    }));
    await files.mkdir(dir, 0o750);
    await files.write(
      `${dir}/.${CHECKPOINT}`,
      JSON.stringify({ Data: { PodDeviceEntries, RegisteredDevices } }),
      0o600,
    );
    await files.rename(`${dir}/.${CHECKPOINT}`, `${dir}/${CHECKPOINT}`);
  }

  async load(): Promise<void> {
    const bytes = await this.#deps.files.read(`${this.#deps.dir}/${CHECKPOINT}`);
    if (bytes === undefined) return;
    const { Data } = JSON.parse(new TextDecoder().decode(bytes)) as Checkpoint;
    this.#held = Data.PodDeviceEntries.map((entry) => ({
      ...{ podUid: entry.PodUID, container: entry.ContainerName, resource: entry.ResourceName },
      ids: Object.values(entry.DeviceIDs).flat(),
      grants: entry.AllocResp,
    }));
    // Their plugins have not come back yet: the node has them no more than it can give them.
    for (const resource of Object.keys(Data.RegisteredDevices)) {
      this.#offers.set(resource, { client: undefined, devices: new Map(), stoppedAtMs: undefined });
    }
  }
}

interface Checkpoint {
  readonly Data: {
    readonly PodDeviceEntries: readonly {
      readonly PodUID: string;
      readonly ContainerName: string;
      readonly ResourceName: string;
      readonly DeviceIDs: Readonly<Record<string, readonly string[]>>;
      readonly AllocResp: Partial<ContainerGrants>;
    }[];
    readonly RegisteredDevices: Readonly<Record<string, readonly string[]>>;
  };
}

/** `vendor.com/thing`, not of Kubernetes itself. */
export const isExtendedResource = (name: string): boolean =>
  /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name) &&
  name.length <= 253 &&
  !name.split('/', 1)[0]?.endsWith('kubernetes.io') &&
  !name.startsWith('requests.');
