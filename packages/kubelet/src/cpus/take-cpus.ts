/** Which processors to take together. Source: kubernetes pkg/kubelet/cm/cpumanager/cpu_assignment.go. */
import { countParts, type Cpu, type Part, partOf, threadsPerCore, type Topology } from './topology.ts';

export interface TakeOptions {
  /** One thread of as many cores as possible, instead of whole cores. */
  readonly spreadCores?: boolean;
  /** Stay within a shared cache where it fits. */
  readonly alignUncoreCache?: boolean;
  /** Evenly from the NUMA nodes that are needed, in groups of so many (1, or the threads of a core). */
  readonly spreadNumaBy?: number;
}

type Ids = ReadonlySet<number>;

/** `count` of the free ones, sorted. undefined = there are not that many. */
export function takeCpus(
  topology: Topology,
  free: Ids,
  count: number,
  options: TakeOptions = {},
): readonly number[] | undefined {
  if (free.size < count) return undefined;
  if (count === 0) return [];
  const spread = options.spreadNumaBy === undefined ? undefined : takeEvenly(topology, free, count, options);
  const taken = spread ?? takePacked(topology, free, count, options);
  return taken.toSorted((a, b) => a - b);
}

/** Whole NUMA nodes and sockets, whole caches, whole cores, then what is left, each from where least is free. */
function takePacked(topology: Topology, free: Ids, count: number, options: TakeOptions): readonly number[] {
  const pool = new Pool(topology, free, count);
  for (const part of pool.order) pool.takeWhole(part);
  if (options.alignUncoreCache) takeCaches(pool);
  if (!options.spreadCores) pool.takeWhole('core');
  pool.takeSingles(options.spreadCores === true);
  return pool.taken;
}

/** Whole caches while so many are wanted, then a piece of one that has enough. */
function takeCaches(pool: Pool): void {
  const perCache = pool.topology.length / countParts(pool.topology, 'uncoreCache');
  for (const cache of pool.sorted('uncoreCache')) {
    if (pool.missing >= perCache) pool.takeWhole('uncoreCache');
    if (pool.missing === 0) return;
    pool.takePiece(cache);
  }
}

class Pool {
  readonly topology: Topology;
  readonly taken: number[] = [];
  /** A machine has several NUMA nodes in a socket, or several sockets in a NUMA node: the larger first. */
  readonly order: readonly ['numaNode', 'socket'] | readonly ['socket', 'numaNode'];
  readonly #left: Set<number>;
  readonly #wholes: ReadonlyMap<Part, ReadonlyMap<string, readonly Cpu[]>>;
  missing: number;

  constructor(topology: Topology, free: Ids, count: number) {
    this.topology = topology;
    this.#left = new Set(free);
    this.missing = count;
    const isNumaLarger = countParts(topology, 'socket') >= countParts(topology, 'numaNode');
    this.order = isNumaLarger ? ['numaNode', 'socket'] : ['socket', 'numaNode'];
    const parts: readonly Part[] = ['numaNode', 'socket', 'uncoreCache', 'core'];
    this.#wholes = new Map(parts.map((part) => [part, Map.groupBy(topology, (cpu) => partOf(cpu, part))]));
  }

  #cpusOf(part: Part, key: string): readonly Cpu[] {
    return this.#wholes.get(part)?.get(key) ?? [];
  }

  #freeOf(part: Part, key: string): readonly Cpu[] {
    return this.#cpusOf(part, key).filter(({ id }) => this.#left.has(id));
  }

  /** Parts that have something free, the emptiest first, within the order of the larger parts around them. */
  sorted(part: Part): readonly string[] {
    const around = this.#around(part);
    const keys = [...new Set(this.#freeCpus().map((cpu) => partOf(cpu, part)))];
    const ranks = new Map(keys.map((key) => [key, this.#rank(part, key, around)]));
    return keys.sort((a, b) => compare(ranks.get(a) ?? [], ranks.get(b) ?? []));
  }

  #around(part: Part): readonly Part[] {
    const [outer, inner] = this.order;
    if (part === outer) return [];
    if (part === inner) return [outer];
    return part === 'uncoreCache' ? this.#around('numaNode').concat('numaNode') : [outer, inner];
  }

  #rank(part: Part, key: string, around: readonly Part[]): readonly number[] {
    const first = this.#freeOf(part, key)[0] as Cpu;
    return [...around, part].flatMap((level) => {
      const name = partOf(first, level);
      return [this.#freeOf(level, name).length, level === 'core' ? first.core : Number(name)];
    });
  }

  #freeCpus(): readonly Cpu[] {
    return this.topology.filter(({ id }) => this.#left.has(id));
  }

  #take(cpus: readonly Cpu[]): void {
    for (const { id } of cpus) {
      this.#left.delete(id);
      this.taken.push(id);
    }
    this.missing -= cpus.length;
  }

  takeWhole(part: Part): void {
    for (const key of this.sorted(part)) {
      const all = this.#cpusOf(part, key);
      if (all.length <= this.missing && all.every(({ id }) => this.#left.has(id))) this.#take(all);
    }
  }

  /** All that is missing from one cache, whole cores first; nothing when it has not that much. */
  takePiece(cache: string): void {
    const free = this.#freeOf('uncoreCache', cache);
    const byCore = [...Map.groupBy(free, (cpu) => partOf(cpu, 'core')).values()];
    const perCore = threadsPerCore(this.topology);
    const whole = byCore.filter((cpus) => cpus.length === perCore).flat();
    const broken = byCore.filter((cpus) => cpus.length < perCore).flat();
    const piece = [...whole, ...broken].slice(0, this.missing);
    if (piece.length === this.missing) this.#take(piece);
  }

  /** Through the cores one after the other, or (spread) through the sockets by number, where neighbours are other cores. */
  takeSingles(spread: boolean): void {
    const part = spread ? 'socket' : 'core';
    const byId = (cpus: readonly Cpu[]) => cpus.toSorted((a, b) => a.id - b.id);
    const singles = this.sorted(part).flatMap((key) => byId(this.#freeOf(part, key)));
    this.#take(singles.slice(0, this.missing));
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
}

/** Evenly from as few NUMA nodes as are enough. undefined = that does not work out: packed, then. */
function takeEvenly(topology: Topology, free: Ids, count: number, options: TakeOptions): readonly number[] | undefined {
  const group = options.spreadNumaBy ?? 1;
  if (count % group !== 0) return undefined;
  const nodes = new Pool(topology, free, count).sorted('numaNode');
  const freeIn = (node: string) => topology.filter((cpu) => String(cpu.numaNode) === node && free.has(cpu.id));
  const counts = new Map(nodes.map((node) => [node, freeIn(node).length]));
  const shares = planShares(counts, topology, count, group);
  if (shares === undefined) return undefined;
  const { spreadNumaBy: _even, ...packed } = options;
  return [...shares].flatMap(([node, share]) => {
    const ids = new Set(freeIn(node).map(({ id }) => id));
    return takePacked(topology, ids, share, packed);
  });
}

interface Shares {
  readonly byNode: ReadonlyMap<string, number>;
  /** How uneven what is left would be. */
  readonly balance: number;
}

function planShares(
  counts: ReadonlyMap<string, number>,
  topology: Topology,
  count: number,
  group: number,
): ReadonlyMap<string, number> | undefined {
  const nodes = [...counts.keys()];
  const perNode = Math.ceil(Math.ceil(topology.length / group) / countParts(topology, 'numaNode'));
  const groups = Math.ceil(count / group);
  for (let size = Math.ceil(groups / perNode); size <= Math.min(groups, nodes.length); size++) {
    let best: Shares | undefined;
    for (const combination of combinations(nodes, size)) {
      const shares = sharesOf(combination, counts, count, group);
      if (shares !== undefined && (best === undefined || shares.balance < best.balance)) best = shares;
      if (best?.balance === 0) break;
    }
    if (best !== undefined) return best.byNode;
  }
  return undefined;
}

/** The same of each, and what does not divide from those that leave it most even. */
function sharesOf(
  nodes: readonly string[],
  counts: ReadonlyMap<string, number>,
  count: number,
  group: number,
): Shares | undefined {
  const freeIn = (node: string) => counts.get(node) ?? 0;
  const each = Math.floor(count / nodes.length / group) * group;
  const rest = count - each * nodes.length;
  const whole = nodes.reduce((sum, node) => sum + Math.floor(freeIn(node) / group) * group, 0);
  if (whole < count || nodes.some((node) => freeIn(node) < each)) return undefined;
  const base = new Map(nodes.map((node) => [node, each]));
  if (rest === 0) return { byNode: base, balance: unevenness(counts, base) };
  const able = nodes.filter((node) => freeIn(node) - each >= group);
  return bestRest(base, able, counts, rest, group);
}

function bestRest(
  base: ReadonlyMap<string, number>,
  able: readonly string[],
  counts: ReadonlyMap<string, number>,
  rest: number,
  group: number,
): Shares | undefined {
  let best: Shares | undefined;
  for (let size = able.length; size >= 1; size--) {
    for (const subset of combinations(able, size)) {
      const byNode = withRest(base, subset, counts, rest, group);
      if (byNode === undefined) continue;
      const balance = unevenness(counts, byNode);
      if (best === undefined || balance < best.balance) best = { byNode, balance };
    }
  }
  return best;
}

/** In turn, a group each. undefined = what is left of them is in pieces too small. */
function withRest(
  base: ReadonlyMap<string, number>,
  subset: readonly string[],
  counts: ReadonlyMap<string, number>,
  rest: number,
  group: number,
): ReadonlyMap<string, number> | undefined {
  const shares = new Map(base);
  let left = rest;
  while (left > 0) {
    const before = left;
    for (const node of subset) {
      const has = shares.get(node) ?? 0;
      if (left === 0 || (counts.get(node) ?? 0) - has < group) continue;
      shares.set(node, has + group);
      left -= group;
    }
    if (left === before) return undefined;
  }
  return shares;
}

/** Standard deviation of what would be free afterwards, over all nodes. */
function unevenness(counts: ReadonlyMap<string, number>, shares: ReadonlyMap<string, number>): number {
  const left = [...counts].map(([node, free]) => free - (shares.get(node) ?? 0));
  const mean = left.reduce((sum, n) => sum + n, 0) / left.length;
  const variance = left.reduce((sum, n) => sum + (n - mean) ** 2, 0) / left.length;
  return Math.round(Math.sqrt(variance) * 1000) / 1000;
}

function* combinations<T>(items: readonly T[], size: number, from = 0): Generator<readonly T[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (let at = from; at <= items.length - size; at++) {
    for (const rest of combinations(items, size - 1, at + 1)) yield [items[at] as T, ...rest];
  }
}
