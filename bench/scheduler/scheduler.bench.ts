/** The scheduler on 5,000 nodes, on upstream's scheduler_perf workloads: decisions alone, and with durable bindings. */
import type { Benchmark, FigureSpec } from '../support/benchmark.ts';
import { decisionsPerSecond } from './decisions.ts';
import { boundPerSecond } from './end-to-end.ts';
import { DAEMON_SET, WORKLOADS } from './workloads.ts';

const UPSTREAM = 'scheduler_perf 1.36 on 2 cores, 5000Nodes_10000Pods: 225 Pods/s';
const BASIC = 'SchedulingBasic';
const all = [...WORKLOADS, DAEMON_SET];

const decided = ({ name }: { readonly name: string }): FigureSpec => ({
  name: `decided-${name}`,
  text: `${name}: decided`,
  unit: '/s',
  ...(name === BASIC ? { goalMin: 10_000 } : {}),
});

export const scheduler: Benchmark = {
  name: 'scheduler',
  text: '5,000 nodes; Pods decided alone, and bound through the API server with each binding on disk',
  figures: [
    ...all.map(decided),
    { name: `bound-${BASIC}`, text: `${BASIC}: created and bound`, unit: '/s', goalMin: 2_250, others: UPSTREAM },
  ],
  async measure(runs, sample) {
    const basic = WORKLOADS.find(({ name }) => name === BASIC);
    if (basic === undefined) throw new Error(`there is no workload ${BASIC}`);
    for (let i = 0; i < runs; i++) {
      const rates = all.map((workload) => [`decided-${workload.name}`, decisionsPerSecond(workload)] as const);
      sample({ ...Object.fromEntries(rates), [`bound-${BASIC}`]: await boundPerSecond(basic) });
    }
  },
};
