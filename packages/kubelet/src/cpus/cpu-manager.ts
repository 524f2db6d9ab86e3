/** Processors of their own for containers that ask for whole ones. Source: kubernetes pkg/kubelet/cm/cpumanager (static policy). */
import { quantityMilli } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { HostFiles } from '../host/host-files.ts';
import { isSidecar } from '../lifecycle/observed.ts';
import { computeQos, sumOverPod } from '../lifecycle/qos.ts';
import { type Hint, type Hints, hintsFor } from '../topology/hints.ts';
import { countOf } from '../topology/masks.ts';
import { AllocationError, type HintProvider } from '../topology/topology-manager.ts';
import type { CpuOptions } from './cpu-options.ts';
import { formatCpuSet, parseCpuSet } from './cpu-set.ts';
import { takeCpus, type TakeOptions } from './take-cpus.ts';
import { countParts, type Cpu, numaNodesOf, partOf, threadsPerCore, type Topology } from './topology.ts';

const STATE_FILE = 'cpu_manager_state';
const RESOURCE = 'cpu';

export interface SharedContainer {
  readonly id: string;
  readonly podUid: string;
  readonly name: string;
}

export interface CpuManagerDeps {
  readonly topology: Topology;
  /** Never given to one container alone: the system's. */
  readonly reserved: ReadonlySet<number>;
  readonly options: CpuOptions;
  readonly files: HostFiles;
  /** Of the agent: the state file lies there. */
  readonly dir: string;
  /** Told of each container that is to have processors of its own. */
  readonly pinned?: (isRefused: boolean) => void;
  /** Containers that run. */
  running(): readonly SharedContainer[];
  setCpus(containerId: string, cpusetCpus: string, ctx: Ctx): Promise<void>;
}

export interface CpuManager extends HintProvider {
  /** What all containers without processors of their own share. */
  sharedCpus(): string;
  exclusiveCpus(podUid: string, container: string): string;
  /** How many are given away. */
  exclusiveCount(): number;
  /** Those that may be given away, or are. */
  assignableCpus(): readonly number[];
}

/** Reads the state of an earlier agent. Throws when it does not fit this machine. */
export async function createCpuManager(deps: CpuManagerDeps): Promise<CpuManager> {
  const manager = new Manager(deps);
  await manager.load();
  return manager;
}

type Ids = ReadonlySet<number>;

class Manager implements CpuManager {
  readonly #deps: CpuManagerDeps;
  /** By Pod uid, then container. */
  readonly #held = new Map<string, Map<string, readonly number[]>>();
  /** By Pod uid: what an ended init container had, for those after it. */
  readonly #lent = new Map<string, Set<number>>();
  /** What single containers get: without the neighbours of reserved ones where cores are not shared. */
  readonly #kept: Ids;
  readonly #take: TakeOptions;
  #isChanged = false;

  constructor(deps: CpuManagerDeps) {
    this.#deps = deps;
    const { topology, options, reserved } = deps;
    const cores = new Set(topology.filter(({ id }) => reserved.has(id)).map((cpu) => partOf(cpu, 'core')));
    const neighbours = topology.filter((cpu) => cores.has(partOf(cpu, 'core'))).map(({ id }) => id);
    this.#kept = options.fullPcpusOnly ? new Set(neighbours) : reserved;
    const group = options.fullPcpusOnly ? threadsPerCore(topology) : 1;
    this.#take = {
      spreadCores: options.distributeAcrossCores,
      alignUncoreCache: options.alignUncoreCache,
      ...(options.distributeAcrossNuma ? { spreadNumaBy: group } : {}),
    };
  }

  sharedCpus(): string {
    const { topology, options, reserved } = this.#deps;
    const taken = this.#taken();
    const isShared = ({ id }: Cpu) => !taken.has(id) && !(options.strictReservation && reserved.has(id));
    return formatCpuSet(topology.filter(isShared).map(({ id }) => id));
  }

  exclusiveCpus(podUid: string, container: string): string {
    return formatCpuSet(this.#held.get(podUid)?.get(container) ?? []);
  }

  assignableCpus(): readonly number[] {
    const { topology, reserved } = this.#deps;
    return topology.map(({ id }) => id).filter((id) => !reserved.has(id));
  }

  exclusiveCount(): number {
    return this.#taken().size;
  }

  #taken(): Ids {
    return new Set([...this.#held.values()].flatMap((containers) => [...containers.values()].flat()));
  }

  #free(): Ids {
    const taken = this.#taken();
    const { topology } = this.#deps;
    return new Set(topology.map(({ id }) => id).filter((id) => !taken.has(id) && !this.#kept.has(id)));
  }

  #lentTo(pod: Pod): Ids {
    return this.#lent.get(pod.metadata.uid) ?? new Set();
  }

  hints(pod: Pod, container: Container): Hints {
    const count = wholeCpus(pod, container);
    if (count === 0) return new Map();
    const given = this.#held.get(pod.metadata.uid)?.get(container.name);
    if (given !== undefined) return this.#hintsOfGiven(given, count);
    return new Map([[RESOURCE, this.#hintsFor(count, this.#free(), this.#lentTo(pod))]]);
  }

  podHints(pod: Pod): Hints {
    const count = sumOverPod(pod.spec, (container) => wholeCpus(pod, container));
    if (count === 0) return new Map();
    const given = [...(this.#held.get(pod.metadata.uid)?.values() ?? [])].flat();
    if (given.length > 0) return this.#hintsOfGiven([...new Set(given)], count);
    return new Map([[RESOURCE, this.#hintsFor(count, this.#free(), new Set())]]);
  }

  /** A container that has its processors already gets no others. */
  #hintsOfGiven(given: readonly number[], count: number): Hints {
    const hints = given.length === count ? this.#hintsFor(count, new Set(given), new Set()) : [];
    return new Map([[RESOURCE, hints]]);
  }

  #hintsFor(count: number, free: Ids, lent: Ids): readonly Hint[] {
    const { topology, options } = this.#deps;
    const inMask = (mask: number, ids: Ids) =>
      topology.filter(({ id, numaNode }) => ids.has(id) && (mask & (1 << numaNode)) !== 0).length;
    const all = new Set(topology.map(({ id }) => id));
    const hints = hintsFor(
      numaNodesOf(topology),
      count,
      (mask) => inMask(mask, all),
      (mask) => (inMask(mask, lent) < lent.size ? undefined : lent.size + inMask(mask, free)),
    );
    return options.alignBySocket ? hints.map((hint) => this.#socketAligned(hint, hints)) : hints;
  }

  /** NUMA nodes of as few sockets as can do are as good as few NUMA nodes. */
  #socketAligned(hint: Hint & { readonly mask: number }, all: readonly (Hint & { readonly mask: number })[]): Hint {
    const { topology } = this.#deps;
    const nodesPerSocket = Math.floor(countParts(topology, 'numaNode') / countParts(topology, 'socket'));
    const smallest = Math.min(...all.filter(({ preferred }) => preferred).map(({ mask }) => countOf(mask)));
    if (nodesPerSocket === 0 || !Number.isFinite(smallest)) return hint;
    const sockets = countParts(
      topology.filter(({ numaNode }) => (hint.mask & (1 << numaNode)) !== 0),
      'socket',
    );
    return { ...hint, preferred: hint.preferred || sockets === Math.ceil(smallest / nodesPerSocket) };
  }

  async allocate(pod: Pod, container: Container, hint: Hint): Promise<void> {
    const count = wholeCpus(pod, container);
    if (count === 0) return;
    try {
      this.#give(pod, container, count, hint);
      this.#deps.pinned?.(false);
    } catch (error) {
      this.#deps.pinned?.(true);
      throw error;
    }
  }

  #give(pod: Pod, container: Container, count: number, hint: Hint): void {
    const { uid } = pod.metadata;
    const given = this.#held.get(uid) ?? new Map<string, readonly number[]>();
    this.#held.set(uid, given);
    const lent = this.#lent.get(uid) ?? new Set<number>();
    this.#lent.set(uid, lent);
    let cpus = given.get(container.name);
    if (cpus === undefined) {
      cpus = this.#choose(count, hint, lent);
      given.set(container.name, cpus);
      this.#isChanged = true;
    }
    const isInit = pod.spec.initContainers?.some(({ name }) => name === container.name) === true;
    for (const cpu of cpus) {
      if (isInit && !isSidecar(container)) lent.add(cpu);
      else lent.delete(cpu);
    }
  }

  /** From the NUMA nodes of the hint first; what an ended init container had before all else. */
  #choose(count: number, { mask }: Hint, lent: Ids): readonly number[] {
    const { topology } = this.#deps;
    const free = new Set([...this.#free(), ...lent]);
    this.#checkThreads(count, free);
    const again = lent.size >= count ? takeCpus(topology, lent, count, this.#take) : undefined;
    if (again !== undefined) return again;
    const near = new Set(mask === undefined ? [] : this.#near(mask, free));
    const first = takeCpus(topology, near, Math.min(near.size, count), this.#take) ?? [];
    const rest = takeCpus(topology, free.difference(new Set(first)), count - first.length, this.#take);
    if (rest !== undefined) return [...first, ...rest].sort((a, b) => a - b);
    throw new Error(`not enough cpus available to satisfy request: requested=${count}, available=${free.size}`);
  }

  #near(mask: number, free: Ids): readonly number[] {
    const { topology, options } = this.#deps;
    const inMask = topology.filter(({ numaNode }) => (mask & (1 << numaNode)) !== 0);
    const sockets = new Set(inMask.map(({ socket }) => socket));
    const near = options.alignBySocket ? topology.filter(({ socket }) => sockets.has(socket)) : inMask;
    return near.map(({ id }) => id).filter((id) => free.has(id));
  }

  #checkThreads(count: number, free: Ids): void {
    const { topology, options } = this.#deps;
    if (!options.fullPcpusOnly) return;
    const perCore = threadsPerCore(topology);
    const fail = (why: string) => {
      throw new AllocationError('SMTAlignmentError', `SMT Alignment Error: ${why}`);
    };
    if (count % perCore !== 0) fail(`requested ${count} cpus not multiple cpus per core = ${perCore}`);
    if (count > free.size) {
      const amounts = `available physical CPUs = ${free.size}, requested CPUs = ${count}, CPUs per core = ${perCore}`;
      fail(`not enough free physical CPUs: ${amounts}`);
    }
  }

  async settle(pod: Pod, ctx: Ctx): Promise<void> {
    this.#lent.delete(pod.metadata.uid);
    if (this.#isChanged) await this.#changed(ctx);
  }

  async grantsOf(pod: Pod, { name }: { readonly name: string }) {
    return { cpusetCpus: this.exclusiveCpus(pod.metadata.uid, name) || this.sharedCpus() };
  }

  async release(podUid: string, ctx: Ctx): Promise<void> {
    this.#lent.delete(podUid);
    if (this.#held.delete(podUid)) await this.#changed(ctx);
  }

  holders(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** Containers in the shared pool make room, or get some. */
  async #changed(ctx: Ctx): Promise<void> {
    this.#isChanged = false;
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
