/** What a cluster costs that has nothing to do. */
import { startCluster } from '../../test/support/cluster.ts';
import type { Benchmark } from '../support/benchmark.ts';
import { cpuMsBetween, cpuTime, type CpuTime, type Part, pidOf, residentMb } from '../support/processes.ts';

const SETTLE_MS = 30_000;
const WINDOW_MS = 60_000;
const OWN: readonly Part[] = ['server', 'node'];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export const idle: Benchmark = {
  name: 'idle',
  text: 'an empty cluster, 30 s after its start, over 60 s',
  figures: [
    { name: 'resident', text: 'server and node agent, resident', unit: 'MB', goalMax: 250 },
    { name: 'cpu', text: 'server and node agent, of one core', unit: '%', goalMax: 2 },
    { name: 'resident-server', text: 'server, resident', unit: 'MB' },
    { name: 'cpu-server', text: 'server, of one core', unit: '%' },
    { name: 'resident-node', text: 'node agent, resident', unit: 'MB' },
    { name: 'cpu-node', text: 'node agent, of one core', unit: '%' },
    { name: 'resident-containerd', text: 'containerd, resident', unit: 'MB' },
    { name: 'cpu-containerd', text: 'containerd, of one core', unit: '%' },
  ],
  async measure(runs, sample) {
    const spec = { name: 'b-idle', apiPort: 16461, podCidr: '10.132.0.0/16', serviceCidr: '10.133.0.0/16' };
    await using cluster = await startCluster(spec);
    await pause(SETTLE_MS);
    for (let i = 0; i < runs; i++) {
      const parts = [...OWN, 'containerd'] as const;
      const look = () => parts.map((part): CpuTime => cpuTime(pidOf(cluster, part)));
      const before = look();
      const start = performance.now();
      await pause(WINDOW_MS);
      const windowMs = performance.now() - start;
      const after = look();
      const values: Record<string, number> = {};
      parts.forEach((part, at) => {
        values[`cpu-${part}`] = (cpuMsBetween(before[at] as CpuTime, after[at] as CpuTime) / windowMs) * 100;
        values[`resident-${part}`] = residentMb(pidOf(cluster, part));
      });
      const sum = (what: string) => OWN.reduce((total, part) => total + (values[`${what}-${part}`] ?? 0), 0);
      sample({ ...values, resident: sum('resident'), cpu: sum('cpu') });
    }
  },
};
