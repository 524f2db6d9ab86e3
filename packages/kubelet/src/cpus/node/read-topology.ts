/** The processors of this machine, from /sys. Source: google/cadvisor machine info. */
import * as fs from 'node:fs/promises';
import { parseCpuSet } from '../cpu-set.ts';
import type { Cpu, Topology } from '../topology.ts';

const SYS = '/sys/devices/system';
const text = (path: string) => fs.readFile(path, 'utf8').catch(() => '');

export async function readTopology(): Promise<Topology> {
  const online = parseCpuSet(await text(`${SYS}/cpu/online`));
  const nodeOf = new Map<number, number>();
  for (const name of await fs.readdir(`${SYS}/node`).catch(() => [])) {
    const node = /^node(\d+)$/.exec(name)?.[1];
    if (node === undefined) continue;
    for (const cpu of parseCpuSet(await text(`${SYS}/node/${name}/cpulist`))) nodeOf.set(cpu, Number(node));
  }
  const numberIn = async (path: string, absent: number) => {
    const found = (await text(path)).trim();
    return found === '' ? absent : Number(found);
  };
  return await Promise.all(
    [...online].map(async (id): Promise<Cpu> => {
      const dir = `${SYS}/cpu/cpu${id}/topology`;
      const [core, socket] = await Promise.all([
        numberIn(`${dir}/core_id`, id),
        numberIn(`${dir}/physical_package_id`, 0),
      ]);
      const numaNode = nodeOf.get(id) ?? 0;
      // A machine that does not tell of its caches has one in each NUMA node.
      const uncoreCache = await numberIn(`${SYS}/cpu/cpu${id}/cache/index3/id`, numaNode);
      return { id, core, socket, numaNode, uncoreCache };
    }),
  );
}
