/** Prepares the devices of ResourceClaims through their drivers. Source: kubernetes pkg/kubelet/cm/dra/manager.go. */
import { resourceV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { ResourceClaim } from '@kapella/api/types/resource-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import type { GrantManager } from '../grants/grants.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { AnyContainer } from '../lifecycle/observed.ts';
import type { PluginHandler, PluginInfo } from '../plugins/plugin-manager.ts';
import { type ClaimName, claimsOfPod, isOfRequest, type PreparedClaim, type PreparedDevice } from './claims.ts';
import { createHealthBook, type DeviceHealth } from './device-health.ts';

export type { ClaimName, PreparedClaim, PreparedDevice } from './claims.ts';

const CHECKPOINT = 'dra_manager_state';
/** A driver that is away that long takes its slices with it. */
const WIPE_MS = 30_000;

export interface DraDriverClient {
  /** Throws an Error that says which claim could not be prepared. */
  prepare(claim: ClaimName, ctx: Ctx): Promise<readonly PreparedDevice[]>;
  unprepare(claim: ClaimName, ctx: Ctx): Promise<void>;
  /** Calls `onHealth` with each word of the driver until it goes away or `ctx` aborts. Absent: it says none. */
  watchHealth?(onHealth: (devices: readonly DeviceHealth[]) => void, ctx: Ctx): Promise<void>;
  close(): void;
}

export interface DraManager extends GrantManager, PluginHandler {
  claims(): readonly PreparedClaim[];
}

export interface DraManagerDeps {
  readonly client: Pick<Client, 'get' | 'deleteCollection'>;
  readonly recorder: EventRecorder;
  readonly files: HostFiles;
  /** Where the checkpoint lies. */
  readonly dir: string;
  readonly nodeName: string;
  /** Devices of these Pods are in another state than before. */
  onHealth?(podUids: readonly string[]): void;
  /** Throws when none of the plugin's versions is spoken. */
  connect(plugin: PluginInfo): DraDriverClient;
}

export async function createDraManager(deps: DraManagerDeps): Promise<DraManager> {
  const manager = new Manager(deps);
  await manager.load();
  return manager;
}

class Manager implements DraManager {
  readonly #deps: DraManagerDeps;
  readonly #drivers = new Map<string, { readonly endpoint: string; readonly client: DraDriverClient }>();
  readonly #claims = new Map<string, PreparedClaim>();
  readonly #health = createHealthBook();
  #nowMs: () => number = () => 0;
  /** One at a time: claims may be shared by Pods. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: DraManagerDeps) {
    this.#deps = deps;
  }

  claims(): readonly PreparedClaim[] {
    return [...this.#claims.values()];
  }

  async register(plugin: PluginInfo, ctx: Ctx): Promise<void> {
    const client = this.#deps.connect(plugin);
    this.#drivers.get(plugin.name)?.client.close();
    this.#drivers.set(plugin.name, { endpoint: plugin.endpoint, client });
    client
      .watchHealth?.((devices) => this.#takeHealth(plugin.name, devices, ctx), ctx)
      .catch((error: unknown) => {
        if (ctx.signal.aborted || this.#drivers.get(plugin.name)?.client !== client) return;
        ctx.log.warn('health of devices is not told any more', { driver: plugin.name, error: describeError(error) });
      });
  }

  #takeHealth(driver: string, devices: readonly DeviceHealth[], ctx: Ctx): void {
    const told = () => {
      const concerned = this.claims().filter((claim) => Object.hasOwn(claim.devices, driver));
      this.#deps.onHealth?.([...new Set(concerned.flatMap(({ podUids }) => podUids))]);
    };
    // What is not said again in time is not known any more.
    this.#nowMs = () => ctx.clock.nowMs();
    ctx.clock.setTimer(this.#health.take(driver, devices, ctx.clock.nowMs()), told);
    told();
  }

  healthOf(pod: Pod, container: AnyContainer) {
    return this.#health.statusOf(pod, container, this.claims(), this.#nowMs());
  }

  async deregister({ name, endpoint }: PluginInfo, ctx: Ctx): Promise<void> {
    const present = this.#drivers.get(name);
    if (present?.endpoint !== endpoint) return;
    present.client.close();
    this.#drivers.delete(name);
    ctx.clock.setTimer(WIPE_MS, () => {
      if (this.#drivers.has(name) || ctx.signal.aborted) return;
      const fieldSelector = `spec.nodeName=${this.#deps.nodeName},spec.driver=${name}`;
      this.#deps.client.deleteCollection(resourceV1.ResourceSlice, { fieldSelector }, ctx).catch((error: unknown) => {
        if (!ctx.signal.aborted)
          ctx.log.warn('resource slices not removed', { driver: name, error: describeError(error) });
      });
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Never rejects for good: what fails now may be mended, and is tried again. */
  async admit(pod: Pod, ctx: Ctx): Promise<undefined> {
    if ((pod.spec.resourceClaims ?? []).length === 0) return undefined;
    try {
      await this.#inTurn(() => this.#prepareAll(pod, ctx));
    } catch (cause) {
      ctx.signal.throwIfAborted();
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `Failed to prepare dynamic resources: prepare dynamic resources: ${why}`;
      const about = { kind: 'Pod', apiVersion: 'v1', metadata: pod.metadata };
      this.#deps.recorder.event(about, 'Warning', 'FailedPrepareDynamicResources', message);
      throw new Error(message, { cause });
    }
    return undefined;
  }

  async #prepareAll(pod: Pod, ctx: Ctx): Promise<void> {
    for (const { claimName } of claimsOfPod(pod)) {
      if (claimName === undefined) continue;
      const namespace = pod.metadata.namespace ?? '';
      const claim = await this.#deps.client.get(resourceV1.ResourceClaim, { namespace, name: claimName }, ctx);
      if (claim === undefined) throw new Error(`fetch ResourceClaim ${claimName}: not found`);
      checkReserved(claim, pod);
      await this.#prepare(claim, pod, ctx);
    }
  }

  async #prepare(claim: ResourceClaim, pod: Pod, ctx: Ctx): Promise<void> {
    const { namespace = '', name, uid } = claim.metadata;
    const key = keyOf(namespace, name);
    const known = this.#claims.get(key);
    if (known !== undefined && known.uid !== uid) {
      const what = `old ResourceClaim with same name ${name} and different UID ${known.uid} still exists`;
      throw new Error(`${what} (previous pod force-deleted?!)`);
    }
    const podUids = [...new Set([...(known?.podUids ?? []), pod.metadata.uid])];
    const devices: Record<string, readonly PreparedDevice[]> = { ...known?.devices };
    // Noted before the drivers are asked: what they begin must be undone even if the agent ends meanwhile.
    this.#claims.set(key, { namespace, name, uid, podUids, devices });
    await this.#save();
    for (const driver of driversOf(claim)) {
      if (devices[driver] !== undefined) continue;
      devices[driver] = await this.#driver(driver).prepare({ namespace, name, uid }, ctx);
    }
    this.#claims.set(key, { namespace, name, uid, podUids, devices });
    await this.#save();
  }

  #driver(name: string): DraDriverClient {
    const found = this.#drivers.get(name)?.client;
    if (found === undefined) throw new Error(`DRA driver ${name} is not registered`);
    return found;
  }

  async grantsOf(pod: Pod, container: AnyContainer) {
    const wanted = container.resources?.claims ?? [];
    const cdiDevices: string[] = [];
    const names = new Map(claimsOfPod(pod).map(({ name, claimName }) => [name, claimName]));
    for (const { name, request = '' } of wanted) {
      const claimName = names.get(name);
      const claim =
        claimName === undefined ? undefined : this.#claims.get(keyOf(pod.metadata.namespace ?? '', claimName));
      if (claim === undefined) throw new Error(`unable to get information for ResourceClaim ${claimName ?? name}`);
      for (const device of Object.values(claim.devices).flat()) {
        if (isOfRequest(device, request)) cdiDevices.push(...device.cdiDeviceIds);
      }
    }
    return { cdiDevices };
  }

  async release(podUid: string, ctx: Ctx): Promise<void> {
    if (![...this.#claims.values()].some(({ podUids }) => podUids.includes(podUid))) return;
    await this.#inTurn(async () => {
      for (const [key, claim] of [...this.#claims]) {
        if (!claim.podUids.includes(podUid)) continue;
        const podUids = claim.podUids.filter((uid) => uid !== podUid);
        if (podUids.length > 0) {
          this.#claims.set(key, { ...claim, podUids });
        } else {
          const { namespace, name, uid } = claim;
          for (const driver of Object.keys(claim.devices)) {
            await this.#driver(driver).unprepare({ namespace, name, uid }, ctx);
          }
          this.#claims.delete(key);
        }
      }
      await this.#save();
    });
  }

  holders(): readonly string[] {
    return [...this.#claims.values()].flatMap(({ podUids }) => podUids);
  }

  async #save(): Promise<void> {
    const { files, dir } = this.#deps;
    const text = JSON.stringify({ version: 'v1', claims: [...this.#claims.values()] });
    await files.mkdir(dir, 0o750);
    await files.write(`${dir}/.${CHECKPOINT}`, text, 0o600);
    await files.rename(`${dir}/.${CHECKPOINT}`, `${dir}/${CHECKPOINT}`);
  }

  async load(): Promise<void> {
    const bytes = await this.#deps.files.read(`${this.#deps.dir}/${CHECKPOINT}`);
    if (bytes === undefined) return;
    const { claims } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly claims: readonly PreparedClaim[] };
    for (const claim of claims) this.#claims.set(keyOf(claim.namespace, claim.name), claim);
  }
}

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`;

function checkReserved({ metadata, status }: ResourceClaim, pod: Pod): void {
  if (status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid)) return;
  const who = `pod ${pod.metadata.name} (${pod.metadata.uid})`;
  throw new Error(`${who} is not allowed to use ResourceClaim ${metadata.name} (${metadata.uid})`);
}

const driversOf = ({ status }: ResourceClaim): ReadonlySet<string> =>
  new Set((status?.allocation?.devices?.results ?? []).map(({ driver }) => driver));
