/** Processors of their own for containers that ask for whole ones. Source: kubernetes pkg/kubelet/cm/cpumanager (static policy). */
import { quantityMilli } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { GrantManager } from '../grants/grants.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { Rejection } from '../lifecycle/admission.ts';
import { isSidecar } from '../lifecycle/observed.ts';
import { computeQos } from '../lifecycle/qos.ts';
import { formatCpuSet, parseCpuSet } from './cpu-set.ts';
import { takeCpus, threadsPerCore, type Topology } from './topology.ts';

const STATE_FILE = 'cpu_manager_state';

export interface CpuManagerOptions {
  /** Never given to one container alone: the system's. */
  readonly reserved: ReadonlySet<number>;
  /** Whole cores only: neighbours never share one. */
  readonly fullPcpusOnly: boolean;
  /** The shared pool leaves the reserved ones out, too. */
  readonly strictReservation: boolean;
}

export interface SharedContainer {
  readonly id: string;
  readonly podUid: string;
  readonly name: string;
}

export interface CpuManagerDeps {
  readonly topology: Topology;
  readonly options: CpuManagerOptions;
  readonly files: HostFiles;
  /** Of the agent: the state file lies there. */
  readonly dir: string;
  /** Containers that run. */
  running(): readonly SharedContainer[];
  setCpus(containerId: string, cpusetCpus: string, ctx: Ctx): Promise<void>;
}

export interface CpuManager extends GrantManager {
  /** What all containers without processors of their own share. */
  sharedCpus(): string;
  exclusiveCpus(podUid: string, container: string): string;
  /** Those that may be given away, or are. */
  assignableCpus(): readonly number[];
}

/** Reads the state of an earlier agent. Throws when it does not fit this machine. */
export async function createCpuManager(deps: CpuManagerDeps): Promise<CpuManager> {
  const manager = new Manager(deps);
  await manager.load();
  return manager;
}

type Held = Map<string, Map<string, readonly number[]>>;

class Manager implements CpuManager {
  readonly #deps: CpuManagerDeps;
  /** By Pod uid, then container. */
  readonly #held: Held = new Map();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: CpuManagerDeps) {
    this.#deps = deps;
  }

  sharedCpus(): string {
    return formatCpuSet(this.#shared());
  }

  exclusiveCpus(podUid: string, container: string): string {
    return formatCpuSet(this.#held.get(podUid)?.get(container) ?? []);
  }

  assignableCpus(): readonly number[] {
    const { topology, options } = this.#deps;
    return topology.map(({ id }) => id).filter((id) => !options.reserved.has(id));
  }

  #shared(): ReadonlySet<number> {
    const { topology, options } = this.#deps;
    const taken = this.#taken();
    const isShared = (id: number) => !taken.has(id) && !(options.strictReservation && options.reserved.has(id));
    return new Set(topology.map(({ id }) => id).filter(isShared));
  }

  #taken(): ReadonlySet<number> {
    return new Set([...this.#held.values()].flatMap((containers) => [...containers.values()].flat()));
  }

  admit(pod: Pod, ctx: Ctx): Promise<Rejection | undefined> {
    const done = this.#turn.then(() => this.#admit(pod, ctx));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #admit(pod: Pod, ctx: Ctx): Promise<Rejection | undefined> {
    const wanting = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].filter(
      (container) => wholeCpus(pod, container) > 0,
    );
    if (wanting.length === 0) return undefined;
    const { uid } = pod.metadata;
    const given = this.#held.get(uid) ?? new Map<string, readonly number[]>();
    this.#held.set(uid, given);
    const lent = new Set<number>();
    for (const container of wanting) {
      const rejection = this.#give(pod, container, given, lent);
      if (rejection === undefined) continue;
      this.#held.delete(uid);
      return rejection;
    }
    await this.#changed(ctx);
    return undefined;
  }

  #give(
    pod: Pod,
    container: Container,
    given: Map<string, readonly number[]>,
    lent: Set<number>,
  ): Rejection | undefined {
    const { topology, options } = this.#deps;
    const count = wholeCpus(pod, container);
    const perCore = threadsPerCore(topology);
    if (options.fullPcpusOnly && count % perCore !== 0) {
      const message = `SMT Alignment Error: requested ${count} cpus not multiple cpus per core = ${perCore}`;
      return { reason: 'SMTAlignmentError', message };
    }
    const isInit = pod.spec.initContainers?.some(({ name }) => name === container.name) === true;
    let cpus = given.get(container.name);
    if (cpus === undefined) {
      const taken = this.#taken();
      const isFree = (id: number) => lent.has(id) || !(taken.has(id) || options.reserved.has(id));
      const free = new Set(topology.map(({ id }) => id).filter(isFree));
      // What an ended init container had comes first.
      const again = lent.size >= count ? takeCpus(topology, lent, count) : undefined;
      cpus = again ?? takeCpus(topology, free, count);
      if (cpus === undefined) {
        const why = `not enough cpus available to satisfy request: requested=${count}, available=${free.size}`;
        return { reason: 'UnexpectedAdmissionError', message: `Allocate failed due to ${why}, which is unexpected` };
      }
      given.set(container.name, cpus);
    }
    for (const cpu of cpus) {
      if (isInit && !isSidecar(container)) lent.add(cpu);
      else lent.delete(cpu);
    }
    return undefined;
  }

  async grantsOf(pod: Pod, { name }: { readonly name: string }) {
    return { cpusetCpus: this.exclusiveCpus(pod.metadata.uid, name) || this.sharedCpus() };
  }

  async release(podUid: string, ctx: Ctx): Promise<void> {
    if (this.#held.delete(podUid)) await this.#changed(ctx);
  }

  holders(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** Containers in the shared pool make room, or get some. */
  async #changed(ctx: Ctx): Promise<void> {
    await this.#save();
    const shared = this.sharedCpus();
    for (const { id, podUid, name } of this.#deps.running()) {
      if (this.exclusiveCpus(podUid, name) !== '') continue;
      await this.#deps.setCpus(id, shared, ctx).catch((error: unknown) => {
        ctx.signal.throwIfAborted();
        ctx.log.warn('container keeps its processors', { container: name, error: describeError(error) });
      });
    }
  }

  async #save(): Promise<void> {
    const { files, dir } = this.#deps;
    const entries = Object.fromEntries(
      [...this.#held].map(([uid, containers]) => [
        uid,
        Object.fromEntries([...containers].map(([name, cpus]) => [name, formatCpuSet(cpus)])),
      ]),
    );
    const state = { policyName: 'static', defaultCpuSet: this.sharedCpus(), entries };
    await files.write(`${dir}/.${STATE_FILE}`, JSON.stringify(state), 0o600);
    await files.rename(`${dir}/.${STATE_FILE}`, `${dir}/${STATE_FILE}`);
  }

  async load(): Promise<void> {
    const bytes = await this.#deps.files.read(`${this.#deps.dir}/${STATE_FILE}`);
    if (bytes === undefined) return;
    const { entries = {} } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly entries?: Readonly<Record<string, Readonly<Record<string, string>>>>;
    };
    const known = new Set(this.#deps.topology.map(({ id }) => id));
    for (const [uid, containers] of Object.entries(entries)) {
      const cpus = new Map(Object.entries(containers).map(([name, text]) => [name, [...parseCpuSet(text)]]));
      const gone = [...cpus.values()].flat().find((id) => !known.has(id));
      if (gone !== undefined) {
        throw new Error(
          `${STATE_FILE} gives away processor ${gone}, which this machine has not: drain the node, remove the file`,
        );
      }
      this.#held.set(uid, cpus);
    }
  }
}

/** Of a Guaranteed Pod, when it is a whole number; 0 = it shares. */
export function wholeCpus(pod: Pod, { resources }: Container): number {
  if (computeQos(pod.spec) !== 'Guaranteed' || pod.spec.resources !== undefined) return 0;
  const text = resources?.requests?.['cpu'] ?? resources?.limits?.['cpu'];
  const milli = text === undefined ? 0 : quantityMilli(text);
  return milli % 1000 === 0 ? milli / 1000 : 0;
}

/** The processors that the system keeps. `reservedMilli`: of kube- and systemReserved. Throws when the static policy has none. */
export function reservedCpus(topology: Topology, list: string, reservedMilli: number): ReadonlySet<number> {
  if (list !== '') return parseCpuSet(list);
  if (reservedMilli === 0) {
    throw new Error('the static policy requires systemReserved.cpu + kubeReserved.cpu to be greater than zero');
  }
  const all = new Set(topology.map(({ id }) => id));
  const found = takeCpus(topology, all, Math.ceil(reservedMilli / 1000));
  if (found === undefined) throw new Error('more processors are reserved than this machine has');
  return new Set(found);
}
