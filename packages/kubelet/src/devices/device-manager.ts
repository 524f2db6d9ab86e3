/** Devices that plugins offer as extended resources. Source: kubernetes pkg/kubelet/cm/devicemanager. */
import { quantityValue } from '@kapella/api';
import type { Container, Pod, ResourceStatus } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { ContainerGrants } from '../grants/grants.ts';
import type { HostFiles } from '../host/host-files.ts';
import { isSidecar } from '../lifecycle/observed.ts';
import { sumOverPod } from '../lifecycle/qos.ts';
import type { KubeletMetrics } from '../metrics/kubelet-metrics.ts';
import type { ExtraAmounts } from '../registration/allocatable.ts';
import type { Hint, Hints } from '../topology/hints.ts';
import type { HintProvider } from '../topology/topology-manager.ts';
import { byAffinity, deviceHints, hasPlaces } from './device-places.ts';

const CHECKPOINT = 'kubelet_internal_checkpoint';
/** A plugin that is away that long takes its devices out of the node's capacity. */
const STOP_GRACE_MS = 5 * 60_000;

export interface PluginDevice {
  readonly id: string;
  readonly healthy: boolean;
  /** NUMA nodes that it is near to; empty = it does not say. */
  readonly nodes: readonly number[];
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

export interface DeviceManager extends HintProvider {
  /** A plugin offers that resource from now on; an older one of the same name is given up. */
  add(resource: string, client: DevicePluginClient, ctx: Ctx): void;
  /** For the node's status. */
  amounts(nowMs: number): ExtraAmounts;
  /** Healthy devices by resource. */
  available(): ReadonlyMap<string, readonly PluginDevice[]>;
  /** As the plugin has it now; undefined = nobody offers the resource. */
  device(resource: string, id: string): PluginDevice | undefined;
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
  devices: ReadonlyMap<string, PluginDevice>;
  stoppedAtMs: number | undefined;
}

export interface DeviceManagerDeps {
  readonly files: HostFiles;
  /** `device-plugins` below the agent's directory. */
  readonly dir: string;
  /** NUMA nodes of the machine. */
  readonly numaNodes: readonly number[];
  /** The node has more or less than before, or Pods hold what has become unhealthy, or well again. */
  onChange(): void;
  /** Pods that hold devices whose health was told anew. */
  onHealth?(podUids: readonly string[]): void;
  readonly metrics?: Pick<KubeletMetrics, 'devicePlugin' | 'devicesAllocated'>;
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
  /** By Pod uid, then resource: what ended init containers had, for those after them. */
  readonly #lent = new Map<string, Map<string, Set<string>>>();
  #isChanged = false;

  constructor(deps: DeviceManagerDeps) {
    this.#deps = deps;
  }

  add(resource: string, client: DevicePluginClient, ctx: Ctx): void {
    const offer = this.#offers.get(resource) ?? { client: undefined, devices: new Map(), stoppedAtMs: undefined };
    offer.client?.close();
    this.#deps.metrics?.devicePlugin(resource);
    offer.client = client;
    offer.stoppedAtMs = undefined;
    this.#offers.set(resource, offer);
    const ended = (error?: unknown) => {
      client.close();
      if (offer.client !== client || ctx.signal.aborted) return;
      ctx.log.warn('device plugin gone', { resource, ...(error === undefined ? {} : { error: describeError(error) }) });
      offer.client = undefined;
      offer.stoppedAtMs = ctx.clock.nowMs();
      offer.devices = new Map([...offer.devices].map(([id, device]) => [id, { ...device, healthy: false }]));
      this.#changed(resource, ctx);
    };
    const onDevices = (devices: readonly PluginDevice[]) => {
      if (offer.client !== client) return;
      offer.devices = new Map(devices.map((device) => [device.id, device]));
      this.#changed(resource, ctx);
    };
    client.watch(onDevices, ctx).then(() => ended(), ended);
  }

  #changed(resource: string, ctx: Ctx): void {
    this.#deps.onChange();
    const holding = this.#held.filter((held) => held.resource === resource);
    this.#deps.onHealth?.([...new Set(holding.map(({ podUid }) => podUid))]);
    this.#save().catch((error: unknown) => ctx.log.warn('devices not saved', { error: describeError(error) }));
  }

  amounts(nowMs: number): ExtraAmounts {
    const amounts = new Map<string, { capacity: number; allocatable: number }>();
    for (const [resource, { devices, stoppedAtMs }] of this.#offers) {
      // A field of a status goes only by being 0: a merge leaves what is not named.
      const isOver = stoppedAtMs !== undefined && nowMs - stoppedAtMs >= STOP_GRACE_MS;
      const healthy = [...devices.values()].filter((device) => device.healthy).length;
      amounts.set(
        resource,
        isOver ? { capacity: 0, allocatable: 0 } : { capacity: devices.size, allocatable: healthy },
      );
    }
    return amounts;
  }

  available(): ReadonlyMap<string, readonly PluginDevice[]> {
    return new Map([...this.#offers.keys()].map((resource) => [resource, this.#healthy(resource)]));
  }

  device(resource: string, id: string): PluginDevice | undefined {
    return this.#offers.get(resource)?.devices.get(id);
  }

  #healthy(resource: string): readonly PluginDevice[] {
    return [...(this.#offers.get(resource)?.devices.values() ?? [])].filter(({ healthy }) => healthy);
  }

  /** Healthy ones that nobody has. */
  #free(resource: string): readonly PluginDevice[] {
    const taken = new Set(this.#held.filter((held) => held.resource === resource).flatMap(({ ids }) => ids));
    return this.#healthy(resource).filter(({ id }) => !taken.has(id));
  }

  allocations(): readonly DeviceAllocation[] {
    return this.#held;
  }

  hints(pod: Pod, container: Container): Hints {
    const held = (resource: string) => this.#heldBy(pod, container.name, resource)?.ids ?? [];
    return this.#hintsFor(this.#requests(container), held, (resource) => this.#lentTo(pod, resource));
  }

  podHints(pod: Pod): Hints {
    const requests = new Map<string, number>();
    for (const resource of this.#offers.keys()) {
      const count = sumOverPod(pod.spec, (container) => this.#requests(container).get(resource) ?? 0);
      if (count > 0) requests.set(resource, count);
    }
    const heldOf = (resource: string) => [
      ...new Set(
        this.#held
          .filter((held) => held.podUid === pod.metadata.uid && held.resource === resource)
          .flatMap(({ ids }) => ids),
      ),
    ];
    return this.#hintsFor(requests, heldOf, () => new Set());
  }

  #hintsFor(
    requests: ReadonlyMap<string, number>,
    heldOf: (resource: string) => readonly string[],
    lentOf: (resource: string) => ReadonlySet<string>,
  ): Hints {
    const { numaNodes } = this.#deps;
    return new Map(
      [...requests].map(([resource, count]) => {
        const all = [...(this.#offers.get(resource)?.devices.values() ?? [])];
        if (!hasPlaces(all)) return [resource, undefined];
        const held = heldOf(resource);
        const free = held.length > 0 ? all.filter(({ id }) => held.includes(id)) : this.#free(resource);
        const lent = held.length > 0 ? [] : all.filter(({ id }) => lentOf(resource).has(id));
        if (held.length > 0 && held.length !== count) return [resource, []];
        return [resource, deviceHints({ numaNodes, all, free, lent, count })];
      }),
    );
  }

  /** Of resources that a plugin offers. */
  #requests({ resources }: Container): ReadonlyMap<string, number> {
    const wanted = Object.entries(resources?.limits ?? {}).filter(([resource]) => this.#offers.has(resource));
    const counts = wanted.map(([resource, amount]) => [resource, quantityValue(amount)] as const);
    return new Map(counts.filter(([, count]) => count > 0));
  }

  #heldBy({ metadata }: Pod, container: string, resource: string): DeviceAllocation | undefined {
    return this.#held.find(
      (held) => held.podUid === metadata.uid && held.container === container && held.resource === resource,
    );
  }

  #lentTo({ metadata }: Pod, resource: string): Set<string> {
    const ofPod = this.#lent.get(metadata.uid) ?? new Map<string, Set<string>>();
    this.#lent.set(metadata.uid, ofPod);
    const lent = ofPod.get(resource) ?? new Set<string>();
    ofPod.set(resource, lent);
    return lent;
  }

  async allocate(pod: Pod, container: Container, hint: Hint, ctx: Ctx): Promise<void> {
    const isInit = pod.spec.initContainers?.some(({ name }) => name === container.name) === true;
    for (const [resource, count] of this.#requests(container)) {
      const lent = this.#lentTo(pod, resource);
      const ids =
        this.#heldBy(pod, container.name, resource)?.ids ??
        (await this.#give(pod, container.name, { resource, count, lent }, hint, ctx));
      // What an init container had, the next ones may have, unless it goes on running.
      for (const id of ids) {
        if (isInit && !isSidecar(container)) lent.add(id);
        else lent.delete(id);
      }
    }
  }

  async #give(pod: Pod, container: string, want: Want, hint: Hint, ctx: Ctx): Promise<readonly string[]> {
    const { resource } = want;
    const ids = await this.#choose(want, hint, ctx);
    const client = this.#offers.get(resource)?.client;
    if (client === undefined) throw new Error(`no device plugin serves ${resource}`);
    const startMs = ctx.clock.monotonicMs();
    const grants = await client.allocate(ids, ctx);
    this.#deps.metrics?.devicesAllocated(resource, (ctx.clock.monotonicMs() - startMs) / 1000);
    this.#held.push({ podUid: pod.metadata.uid, container, resource, ids, grants });
    this.#isChanged = true;
    return ids;
  }

  /** Lent ones first, then those near the hint's nodes, among these by the plugin's preference. */
  async #choose({ resource, count, lent }: Want, { mask }: Hint, ctx: Ctx): Promise<readonly string[]> {
    const healthy = this.#healthy(resource).map(({ id }) => id);
    if (healthy.length === 0)
      throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
    const must = healthy
      .filter((id) => lent.has(id))
      .sort()
      .slice(0, count);
    const available = this.#free(resource);
    const needed = count - must.length;
    if (available.length < needed) {
      const amounts = `Requested: ${needed}, Available: ${available.length}`;
      throw new Error(`requested number of devices unavailable for ${resource}. ${amounts}`);
    }
    if (needed === 0) return must;
    const { near, far } = byAffinity(available, mask);
    const prefer = (from: readonly string[], has: readonly string[]) => this.#prefer(resource, from, has, count, ctx);
    if (needed <= near.length) return [...must, ...(await prefer(near, must)).slice(0, needed)];
    const some = [...must, ...near];
    return [...some, ...(await prefer(far, some))].slice(0, count);
  }

  /** All of them, those that the plugin would choose first. */
  async #prefer(
    resource: string,
    from: readonly string[],
    must: readonly string[],
    count: number,
    ctx: Ctx,
  ): Promise<readonly string[]> {
    const client = this.#offers.get(resource)?.client;
    if (client?.hasPreference !== true || must.length + from.length === count) return from;
    const wished = await client.preferred([...must, ...from], must, count, ctx);
    return [...new Set([...wished.filter((id) => from.includes(id)), ...from])];
  }

  healthOf({ metadata }: Pod, { name }: { readonly name: string }): readonly ResourceStatus[] {
    const own = this.#held.filter(({ podUid, container }) => podUid === metadata.uid && container === name);
    return own.map(({ resource, ids }) => ({
      name: resource,
      resources: ids.map((resourceID) => {
        // Of a plugin that has not come back yet nothing is known against its devices.
        const isWell = this.device(resource, resourceID)?.healthy ?? true;
        return { resourceID, health: isWell ? ('Healthy' as const) : ('Unhealthy' as const) };
      }),
    }));
  }

  async settle(pod: Pod): Promise<void> {
    this.#lent.delete(pod.metadata.uid);
    if (this.#isChanged) await this.#save();
    this.#isChanged = false;
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
    this.#lent.delete(podUid);
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

interface Want {
  readonly resource: string;
  readonly count: number;
  readonly lent: ReadonlySet<string>;
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
