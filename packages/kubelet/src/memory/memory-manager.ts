/** Memory from certain NUMA nodes for Guaranteed Pods. Source: kubernetes pkg/kubelet/cm/memorymanager (static policy). */
import { quantityValue } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import type { HostFiles } from '../host/host-files.ts';
import { isSidecar } from '../lifecycle/observed.ts';
import { computeQos, sumOverPod } from '../lifecycle/qos.ts';
import { formatCpuSet } from '../cpus/cpu-set.ts';
import type { Hint, Hints } from '../topology/hints.ts';
import { maskOf, nodesOf } from '../topology/masks.ts';
import type { HintProvider } from '../topology/topology-manager.ts';
import {
  type Amounts,
  allocatableOf,
  type Block,
  chooseMask,
  machineState,
  memoryHints,
  type NumaMemory,
} from './numa-memory.ts';

const STATE_FILE = 'memory_manager_state';

export interface MemoryManagerDeps {
  readonly nodes: readonly NumaMemory[];
  readonly files: HostFiles;
  /** Of the agent: the state file lies there. */
  readonly dir: string;
  /** Told of each container that is to have memory of certain nodes. */
  readonly pinned?: (isRefused: boolean) => void;
}

export interface MemoryManager extends HintProvider {
  blocksOf(podUid: string, container: string): readonly Block[];
  /** What may be given away, or is. */
  allocatable(): readonly { readonly node: number; readonly type: string; readonly size: number }[];
}

/** Reads the state of an earlier agent. Throws when it does not fit this machine. */
export async function createMemoryManager(deps: MemoryManagerDeps): Promise<MemoryManager> {
  const manager = new Manager(deps);
  await manager.load();
  return manager;
}

interface Assignment {
  readonly podUid: string;
  readonly container: string;
  readonly blocks: readonly Block[];
}

class Manager implements MemoryManager {
  readonly #deps: MemoryManagerDeps;
  /** In the order in which they were given. */
  #given: Assignment[] = [];
  /** By Pod uid: blocks of ended init containers, for those after them. */
  readonly #lent = new Map<string, readonly Block[]>();
  #isChanged = false;

  constructor(deps: MemoryManagerDeps) {
    this.#deps = deps;
  }

  #state() {
    return machineState(
      this.#deps.nodes,
      this.#given.flatMap(({ blocks }) => blocks),
    );
  }

  blocksOf(podUid: string, container: string): readonly Block[] {
    return this.#given.find((one) => one.podUid === podUid && one.container === container)?.blocks ?? [];
  }

  allocatable() {
    return this.#deps.nodes.flatMap((node) =>
      [...allocatableOf(node)].map(([type, size]) => ({ node: node.id, type, size })),
    );
  }

  #reusable(podUid: string) {
    const lent = this.#lent.get(podUid) ?? [];
    return (mask: number, type: string) =>
      lent
        .filter((block) => block.type === type && maskOf(block.numaAffinity) === mask)
        .reduce((sum, { size }) => Math.max(sum, size), 0);
  }

  hints(pod: Pod, container: Container): Hints {
    const request = requestOf(pod, container);
    const has = this.blocksOf(pod.metadata.uid, container.name);
    return this.#hintsFor(request, has, this.#reusable(pod.metadata.uid));
  }

  podHints(pod: Pod): Hints {
    const types = new Set(
      [...(pod.spec.initContainers ?? []), ...pod.spec.containers].flatMap((container) => [
        ...requestOf(pod, container).keys(),
      ]),
    );
    const sum = (type: string) => sumOverPod(pod.spec, (container) => requestOf(pod, container).get(type) ?? 0);
    const request = new Map([...types].map((type) => [type, sum(type)]));
    const first = [...(pod.spec.initContainers ?? []), ...pod.spec.containers][0];
    const has = first === undefined ? [] : this.blocksOf(pod.metadata.uid, first.name);
    return this.#hintsFor(request, has, () => 0);
  }

  /** A container that has its memory already gets it nowhere else. */
  #hintsFor(request: Amounts, has: readonly Block[], reusable: (mask: number, type: string) => number): Hints {
    if (request.size === 0) return new Map();
    const [held] = has;
    const hints: readonly Hint[] =
      held === undefined
        ? memoryHints(this.#state(), request, reusable)
        : [{ mask: maskOf(held.numaAffinity), preferred: true }];
    return new Map([...request.keys()].map((type) => [type, hints]));
  }

  async allocate(pod: Pod, container: Container, hint: Hint): Promise<void> {
    const request = requestOf(pod, container);
    if (request.size === 0) return;
    try {
      this.#give(pod, container, request, hint);
      this.#deps.pinned?.(false);
    } catch (error) {
      this.#deps.pinned?.(true);
      throw error;
    }
  }

  #give(pod: Pod, container: Container, request: Amounts, hint: Hint): void {
    const { uid } = pod.metadata;
    let blocks = this.blocksOf(uid, container.name);
    if (blocks.length === 0) {
      const reusable = this.#reusable(uid);
      const mask = chooseMask(this.#state(), request, hint, reusable);
      blocks = [...request].map(([type, size]) => ({
        ...{ numaAffinity: nodesOf(mask), type, size },
        charged: Math.max(0, size - reusable(mask, type)),
      }));
      this.#given.push({ podUid: uid, container: container.name, blocks });
      this.#isChanged = true;
    }
    const isInit = pod.spec.initContainers?.some(({ name }) => name === container.name) === true;
    if (isInit && !isSidecar(container)) this.#lent.set(uid, [...(this.#lent.get(uid) ?? []), ...blocks]);
    else this.#lent.set(uid, spent(this.#lent.get(uid) ?? [], blocks));
  }

  async settle(pod: Pod): Promise<void> {
    this.#lent.delete(pod.metadata.uid);
    if (this.#isChanged) await this.#save();
  }

  async grantsOf(pod: Pod, { name }: { readonly name: string }) {
    const nodes = new Set(this.blocksOf(pod.metadata.uid, name).flatMap(({ numaAffinity }) => numaAffinity));
    return nodes.size === 0 ? {} : { cpusetMems: formatCpuSet(nodes) };
  }

  async release(podUid: string): Promise<void> {
    this.#lent.delete(podUid);
    const kept = this.#given.filter((one) => one.podUid !== podUid);
    if (kept.length === this.#given.length) return;
    this.#given = kept;
    await this.#save();
  }

  holders(): readonly string[] {
    return [...new Set(this.#given.map(({ podUid }) => podUid))];
  }

  async #save(): Promise<void> {
    this.#isChanged = false;
    const { files, dir } = this.#deps;
    const state = { policyName: 'Static', assignments: this.#given };
    await files.write(`${dir}/.${STATE_FILE}`, JSON.stringify(state), 0o600);
    await files.rename(`${dir}/.${STATE_FILE}`, `${dir}/${STATE_FILE}`);
  }

  async load(): Promise<void> {
    const bytes = await this.#deps.files.read(`${this.#deps.dir}/${STATE_FILE}`);
    if (bytes === undefined) return;
    const saved = JSON.parse(new TextDecoder().decode(bytes)) as { readonly assignments?: Assignment[] };
    this.#given = saved.assignments ?? [];
    try {
      this.#state();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${STATE_FILE} does not fit this machine: ${why}: drain the node, remove the file`, { cause });
    }
  }
}

/** What the containers of the Pod may still have of an ended init container's, once one that goes on has some of it. */
function spent(lent: readonly Block[], by: readonly Block[]): readonly Block[] {
  return lent.map((block) => {
    const used = by.find(
      ({ type, numaAffinity }) => type === block.type && maskOf(numaAffinity) === maskOf(block.numaAffinity),
    );
    return used === undefined ? block : { ...block, size: Math.max(0, block.size - used.size) };
  });
}

/** Memory and huge pages that a container of a Guaranteed Pod asks for. */
export function requestOf(pod: Pod, { resources }: Container): Amounts {
  if (computeQos(pod.spec) !== 'Guaranteed' || pod.spec.resources !== undefined) return new Map();
  const asked = { ...resources?.limits, ...resources?.requests };
  const memory = Object.entries(asked).filter(([type]) => type === 'memory' || type.startsWith('hugepages-'));
  return new Map(memory.map(([type, text]) => [type, quantityValue(text)]));
}

export interface ReservedMemory {
  readonly numaNode: number;
  readonly limits: Readonly<Record<string, string>>;
}

/**
 * What is kept of each node for the system. `total`: of kubeReserved, systemReserved and the hard threshold of eviction.
 * Throws an Error in upstream's words when both do not say the same.
 */
export function reservedByNode(given: readonly ReservedMemory[], total: number): ReadonlyMap<number, Amounts> {
  const byNode = new Map(
    given.map(({ numaNode, limits }) => [
      numaNode,
      new Map(Object.entries(limits).map(([type, text]) => [type, quantityValue(text)])),
    ]),
  );
  const sum = [...byNode.values()].reduce((all, amounts) => all + (amounts.get('memory') ?? 0), 0);
  if (sum === 0) throw new Error('[memorymanager] you should specify the system reserved memory');
  if (sum !== total) {
    throw new Error(
      `the total amount "${sum}" of type "memory" is not equal to the value "${total}" determined by Node Allocatable feature`,
    );
  }
  return byNode;
}
