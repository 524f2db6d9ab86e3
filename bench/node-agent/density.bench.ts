/** A node full of Pods: how long until all run, and what fifty of them cost. */
import type { Benchmark } from '../support/benchmark.ts';
import { cpuMsBetween, cpuTime, pidOf, residentMb } from '../support/processes.ts';
import { agentCluster, openPlace, pause, pausePod, quantile } from './pods.ts';

const PODS_FULL = 110;
const PODS_HELD = 50;
const SETTLE_MS = 20_000;
const WINDOW_MS = 60_000;

export const nodeAgentFull: Benchmark = {
  name: 'node-agent-full',
  group: 'node-agent',
  text: `${PODS_FULL} Pods created at once on one node, the image being there`,
  figures: [
    { name: 'running-p99', text: 'created to Running, p99', unit: 'ms', goalMax: 60_000 },
    { name: 'running-p50', text: 'created to Running, median', unit: 'ms' },
  ],
  async measure(runs, sample) {
    await using cluster = await agentCluster(1, 'b-nfull');
    for (let run = 0; run < runs; run++) {
      using place = await openPlace(cluster, `run-${run}`);
      const started = Array.from({ length: PODS_FULL }, async (_, i) => {
        const createdMs = await place.create(pausePod(`p-${i}`));
        return (await place.watch.running(`p-${i}`)) - createdMs;
      });
      const times = await Promise.all(started);
      sample({ 'running-p99': quantile(times, 0.99), 'running-p50': quantile(times, 0.5) });
      await place.clear();
    }
  },
};

export const nodeAgentHeld: Benchmark = {
  name: 'node-agent-held',
  group: 'node-agent',
  text: `a node agent with ${PODS_HELD} Pods, ${SETTLE_MS / 1000} s after the last has started, over ${WINDOW_MS / 1000} s`,
  figures: [
    {
      ...{ name: 'resident', text: 'node agent, resident', unit: 'MB', goalMax: 120 },
      others: "upstream's limit at that density: 100 MB",
    },
    {
      ...{ name: 'cpu', text: 'node agent, of one core', unit: '%', goalMax: 10 },
      others: "upstream's limit at that density: 50 %",
    },
  ],
  async measure(runs, sample) {
    await using cluster = await agentCluster(2, 'b-nheld');
    using place = await openPlace(cluster, 'held');
    const names = Array.from({ length: PODS_HELD }, (_, i) => `p-${i}`);
    for (const name of names) await place.create(pausePod(name));
    await Promise.all(names.map((name) => place.watch.running(name)));
    await pause(SETTLE_MS);
    for (let run = 0; run < runs; run++) {
      const before = cpuTime(pidOf(cluster, 'node'));
      const startMs = performance.now();
      await pause(WINDOW_MS);
      const cpuMs = cpuMsBetween(before, cpuTime(pidOf(cluster, 'node')));
      const cpu = (cpuMs / (performance.now() - startMs)) * 100;
      sample({ resident: residentMb(pidOf(cluster, 'node')), cpu });
    }
  },
};
