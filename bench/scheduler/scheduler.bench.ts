/** The scheduler on upstream's scheduler_perf workloads: decisions alone, and with durable bindings beside upstream's. */
import type { Benchmark, FigureSpec, Sample } from '../support/benchmark.ts';
import { decisionsPerSecond } from './decisions.ts';
import { bind } from './end-to-end.ts';
import { schedulerMemory } from './memory.ts';
import { upstreamPerSecond } from './upstream-perf.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const BASIC = 'SchedulingBasic';
const TIMES_MIN = 10;
/** With things going on beside them only the whole says anything. */
const decidedAlone = WORKLOADS.filter(({ background }) => background === undefined);

export const scheduler: Benchmark = {
  name: 'scheduler',
  text: "decisions alone, Pods bound with each binding on disk, and upstream's scheduler_perf, in one run",
  figures: [
    ...decidedAlone.map(
      ({ name }): FigureSpec => ({
        ...{ name: `decided-${name}`, text: `${name}: decided`, unit: '/s' },
        ...(name === BASIC ? { goalMin: 10_000 } : {}),
      }),
    ),
    ...WORKLOADS.flatMap(({ name }) => (name === BASIC ? besides(name) : [boundFigure(name)])),
  ],
  async measure(runs, sample) {
    for (let i = 0; i < runs; i++) {
      const values: Record<string, number> = {};
      for (const workload of decidedAlone) values[`decided-${workload.name}`] = decisionsPerSecond(workload);
      for (const workload of WORKLOADS) Object.assign(values, await measured(workload, workload.name === BASIC));
      sample(values);
    }
  },
};

/** `scheduler-perf-SchedulingBasic` and so on: a minute or three each, most of it upstream's. A run is thousands of Pods. */
export const schedulerPerf: readonly Benchmark[] = WORKLOADS.map((workload) => ({
  ...{ name: `scheduler-perf-${workload.name}`, group: 'scheduler-perf' },
  text: "created and bound beside upstream's scheduler_perf, one after the other",
  figures: besides(workload.name),
  runs: 1,
  async measure(runs, sample) {
    for (let i = 0; i < runs; i++) sample(await measured(workload, true));
  },
}));

/** With 5,000 nodes and 50,000 Pods in one API server that both read. */
export const schedulerMemoryBench: Benchmark = {
  name: 'scheduler-memory',
  text: 'resident memory of the scheduler alone, 5,000 nodes and 50,000 Pods, beside kube-scheduler',
  figures: [
    { name: 'memory', text: 'kapella kube-scheduler', unit: 'MB' },
    { name: 'memory-upstream', text: 'kube-scheduler', unit: 'MB' },
    { name: 'memory-share', text: "of upstream's", unit: '%', goalMax: 50 },
  ],
  async measure(runs, sample) {
    for (let i = 0; i < runs; i++) {
      const { kapella, upstream } = await schedulerMemory();
      sample({ memory: kapella, 'memory-upstream': upstream, 'memory-share': (100 * kapella) / upstream });
    }
  },
};

function boundFigure(name: string): FigureSpec {
  return { name: `bound-${name}`, text: `${name}: created and bound`, unit: '/s' };
}

function besides(name: string): FigureSpec[] {
  return [
    boundFigure(name),
    { name: `upstream-${name}`, text: `${name}: upstream`, unit: '/s' },
    { name: `times-${name}`, text: `${name}: times upstream's`, unit: 'x', goalMin: TIMES_MIN },
  ];
}

async function measured(workload: Workload, withUpstream: boolean): Promise<Sample> {
  const { name } = workload;
  const { podsPerSecond } = await bind(workload);
  if (!withUpstream) return { [`bound-${name}`]: podsPerSecond };
  const upstream = await upstreamPerSecond(workload);
  return {
    [`bound-${name}`]: podsPerSecond,
    [`upstream-${name}`]: upstream,
    [`times-${name}`]: podsPerSecond / upstream,
  };
}
