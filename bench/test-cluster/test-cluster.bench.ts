/** The cluster inside a test: how soon it answers, what fifty of them weigh, how soon they are gone. */
import { hollow, startTestCluster } from '@kapella/testing';
import type { Benchmark } from '../support/benchmark.ts';

const STARTS = 100;
const SIDE_BY_SIDE = 50;

export const testCluster: Benchmark = {
  name: 'test-cluster',
  text: 'startTestCluster() with the memory transport',
  figures: [
    { name: 'ready-p50', text: 'startTestCluster() to ready, median of 100', unit: 'ms', goalMax: 150 },
    { name: 'ready-p99', text: 'the slowest but one of 100', unit: 'ms', goalMax: 500 },
    { name: 'with-nodes-p50', text: 'with scheduler, all controllers and 3 hollow nodes Ready', unit: 'ms' },
    { name: 'fifty-resident', text: '50 side by side, resident memory of the process', unit: 'MB', goalMax: 1_536 },
    { name: 'stop-p50', text: 'stop()', unit: 'ms', goalMax: 50 },
  ],
  async measure(runs, sample) {
    for (let run = 0; run < runs; run++) {
      const starts: number[] = [];
      const stops: number[] = [];
      for (let i = 0; i < STARTS; i++) {
        const startMs = performance.now();
        const cluster = await startTestCluster();
        starts.push(performance.now() - startMs);
        const stopMs = performance.now();
        await cluster.stop();
        stops.push(performance.now() - stopMs);
      }
      const withNodes: number[] = [];
      for (let i = 0; i < 5; i++) {
        const startMs = performance.now();
        const cluster = await startTestCluster({ nodes: hollow(3) });
        withNodes.push(performance.now() - startMs);
        await cluster.stop();
      }
      const many = await Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => startTestCluster()));
      const fiftyMb = process.memoryUsage.rss() / 1e6;
      await Promise.all(many.map((cluster) => cluster.stop()));
      sample({
        'ready-p50': quantile(starts, 0.5),
        'ready-p99': quantile(starts, 0.99),
        'with-nodes-p50': quantile(withNodes, 0.5),
        'fifty-resident': fiftyMb,
        'stop-p50': quantile(stops, 0.5),
      });
    }
  },
};

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}
