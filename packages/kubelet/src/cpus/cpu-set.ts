/** Sets of processors as the kernel writes them: `0-3,8`. Source: k8s.io/utils/cpuset. */

const CPUS_MAX = 16_384;

/** Throws an Error for what is no such list. */
export function parseCpuSet(text: string): ReadonlySet<number> {
  const cpus = new Set<number>();
  for (const part of text.trim() === '' ? [] : text.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last < first || last >= CPUS_MAX)
      throw new Error(`"${text}" is no list of processors such as 0-3,8`);
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return cpus;
}

export function formatCpuSet(cpus: Iterable<number>): string {
  const sorted = [...cpus].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const cpu of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === cpu - 1) run[1] = cpu;
    else runs.push([cpu, cpu]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}
