/** NUMA nodes of this machine, their distances and their memory, from /sys. Source: google/cadvisor machine info. */
import * as fs from 'node:fs/promises';
import type { NumaNode } from '../../topology/hints.ts';

const SYS = '/sys/devices/system/node';
const KIB = 1024;

export interface NumaFacts extends NumaNode {
  /** Bytes by type: `memory`, `hugepages-2Mi`. */
  readonly total: ReadonlyMap<string, number>;
}

const text = (path: string) => fs.readFile(path, 'utf8').catch(() => '');

/** One node with all memory where the kernel does not tell. */
export async function readNumaNodes(memoryBytes: number): Promise<readonly NumaFacts[]> {
  const names = await fs.readdir(SYS).catch(() => []);
  const ids = names.flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  if (ids.length === 0) return [{ id: 0, distances: [10], total: new Map([['memory', memoryBytes]]) }];
  return await Promise.all(ids.sort((a, b) => a - b).map(readNode));
}

async function readNode(id: number): Promise<NumaFacts> {
  const dir = `${SYS}/node${id}`;
  const memory = Number(/MemTotal:\s*(\d+) kB/.exec(await text(`${dir}/meminfo`))?.[1] ?? 0) * KIB;
  const distances = (await text(`${dir}/distance`)).trim().split(/\s+/).map(Number);
  const total = new Map([['memory', memory]]);
  for (const name of await fs.readdir(`${dir}/hugepages`).catch(() => [])) {
    const kib = Number(/(\d+)kB/.exec(name)?.[1] ?? 0);
    const count = Number(await text(`${dir}/hugepages/${name}/nr_hugepages`));
    const size = kib >= KIB * KIB ? `${kib / KIB / KIB}Gi` : `${kib / KIB}Mi`;
    total.set(`hugepages-${size}`, count * kib * KIB);
  }
  return { id, distances, total };
}
