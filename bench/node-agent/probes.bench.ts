/** Five hundred probes a second: how late each one is, as the probed server sees it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PAUSE_IMAGE } from '@kapella/distro/host';
import type { Benchmark } from '../support/benchmark.ts';
import { cpuMsBetween, cpuTime, pidOf } from '../support/processes.ts';
import { agentCluster, openPlace, pause, pausePod, quantile } from './pods.ts';

const PODS = 25;
const CONTAINERS = 10;
const PROBES = PODS * CONTAINERS * 2;
const PERIOD_MS = 1000;
const SETTLE_MS = 10_000;
const WINDOW_MS = 20_000;

export const nodeAgentProbes: Benchmark = {
  name: 'node-agent-probes',
  group: 'node-agent',
  text: `${PROBES} HTTP probes, each once a second, over ${WINDOW_MS / 1000} s; late = after its own earliest beat`,
  figures: [
    { name: 'late-p99', text: 'lateness, p99', unit: 'ms', goalMax: 100 },
    { name: 'late-p50', text: 'lateness, median', unit: 'ms' },
    { name: 'rate', text: 'probes a second that arrived', unit: '/s', goalMin: PROBES * 0.98 },
    { name: 'cpu', text: 'node agent, of one core', unit: '%' },
  ],
  async measure(runs, sample) {
    await using cluster = await agentCluster(3, 'b-nprobe');
    const target = await openTarget();
    using place = await openPlace(cluster, 'probed');
    try {
      const names = Array.from({ length: PODS }, (_, i) => `p-${i}`);
      for (const name of names) await place.create(probedPod(name, target.port));
      await Promise.all(names.map((name) => place.watch.running(name)));
      await pause(SETTLE_MS);
      for (let run = 0; run < runs; run++) {
        target.clear();
        const before = cpuTime(pidOf(cluster, 'node'));
        const startMs = performance.now();
        await pause(WINDOW_MS);
        const tookMs = performance.now() - startMs;
        const late = lateness(target.arrivals());
        sample({
          'late-p99': quantile(late, 0.99),
          'late-p50': quantile(late, 0.5),
          rate: (late.length / tookMs) * 1000,
          cpu: (cpuMsBetween(before, cpuTime(pidOf(cluster, 'node'))) / tookMs) * 100,
        });
      }
    } finally {
      target.close();
    }
  },
};

function probedPod(name: string, port: number) {
  const probe = (path: string) => ({
    httpGet: { host: '127.0.0.1', port, path },
    ...{ periodSeconds: PERIOD_MS / 1000, timeoutSeconds: 1, failureThreshold: 1000 },
  });
  const containers = Array.from({ length: CONTAINERS }, (_, i) => ({
    ...{ name: `c-${i}`, image: PAUSE_IMAGE },
    readinessProbe: probe(`/${name}/${i}/readiness`),
    livenessProbe: probe(`/${name}/${i}/liveness`),
  }));
  return pausePod(name, { containers });
}

/** When each path was asked for. */
async function openTarget() {
  let seen = new Map<string, number[]>();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const times = seen.get(path) ?? [];
    times.push(performance.now());
    seen.set(path, times);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    arrivals: (): readonly (readonly number[])[] => [...seen.values()],
    clear: () => {
      seen = new Map();
    },
    close: () => server.close(),
  };
}

/** Each probe's beat is its earliest arrival, counted in whole periods: what comes later than the beat is late. */
function lateness(arrivals: readonly (readonly number[])[]): readonly number[] {
  return arrivals.flatMap((times) => {
    const phases = times.map((atMs, beat) => atMs - beat * PERIOD_MS);
    const earliest = Math.min(...phases);
    return phases.map((phase) => phase - earliest);
  });
}
