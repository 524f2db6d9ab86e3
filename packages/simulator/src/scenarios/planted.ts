/** A short day in which everything happens once and nothing goes wrong by itself: planted bugs are looked for in it. */
import type { Plan, Step } from '../sim/plan.ts';

const DURATION_MS = 100_000;

export function planPlanted(seed: number): Plan {
  const steps: Step[] = [
    { atMs: 0, op: 'deployment', name: 'web', replicas: 4, history: 1, maxSurge: 1, maxUnavailable: 1 },
    { atMs: 0, op: 'budget', name: 'web', minAvailable: 3 },
    { atMs: 0, op: 'service', name: 'web' },
    { atMs: 0, op: 'service', name: 'db' },
    { atMs: 0, op: 'daemonset', name: 'agent' },
    { atMs: 0, op: 'class', name: 'fast', binding: 'Immediate' },
    { atMs: 0, op: 'class', name: 'late', binding: 'WaitForFirstConsumer' },
    { atMs: 500, op: 'claim', name: 'data', class: 'fast' },
    { atMs: 500, op: 'claim', name: 'other', class: 'fast' },
    { atMs: 600, op: 'claim-user', name: 'data' },
    { atMs: 0, op: 'deployment', name: 'wide', maxSurge: 1, maxUnavailable: 0 },
    { atMs: 500, op: 'autoscaler', name: 'wide', min: 2, max: 5 },
    { atMs: 500, op: 'load', name: 'wide', cpuMilli: 800 },
    { atMs: 60_000, op: 'load', name: 'wide', cpuMilli: 160 },
    { atMs: 0, op: 'deployment', name: 'heavy', replicas: 8, cpu: '10' },
    { atMs: 1_000, op: 'statefulset', name: 'db', replicas: 2, class: 'late' },
    { atMs: 1_000, op: 'cronjob', name: 'tick', schedule: '* * * * *' },
    { atMs: 2_000, op: 'namespace', name: 'small' },
    { atMs: 3_000, op: 'quota', namespace: 'small', name: 'quota', pods: 3 },
    { atMs: 8_000, op: 'deployment', namespace: 'small', name: 'greedy', replicas: 5 },
    { atMs: 10_000, op: 'job', name: 'work', completions: 3, parallelism: 3, ttl: 30 },
    { atMs: 12_000, op: 'deployment', name: 'temp', replicas: 2 },
    { atMs: 14_000, op: 'namespace', name: 'ns' },
    { atMs: 16_000, op: 'configmap', namespace: 'ns', name: 'inside', value: 1 },
    {
      atMs: 25_000,
      op: 'deployment',
      name: 'web',
      replicas: 4,
      history: 1,
      image: 'img:2',
      maxSurge: 1,
      maxUnavailable: 1,
    },
    {
      atMs: 55_000,
      op: 'deployment',
      name: 'web',
      replicas: 4,
      history: 1,
      image: 'img:3',
      maxSurge: 1,
      maxUnavailable: 1,
    },
    { atMs: 40_000, op: 'statefulset', name: 'db', replicas: 2, class: 'late', image: 'img:2' },
    { atMs: 45_000, op: 'delete', kind: 'Deployment', name: 'temp' },
    { atMs: 48_000, op: 'delete-one', namespace: 'small', name: 'greedy' },
    { atMs: 50_000, op: 'delete', kind: 'Namespace', name: 'ns' },
    { atMs: 52_000, op: 'delete', kind: 'PersistentVolumeClaim', name: 'data' },
    { atMs: 58_000, op: 'delete-one', namespace: 'small', name: 'greedy' },
    { atMs: 62_000, op: 'delete', kind: 'Pod', name: 'data' },
    { atMs: 64_000, op: 'delete-one', name: 'agent' },
    ...Array.from({ length: 12 }, (_, i): Step => ({ atMs: 20_000 + i * 2_000, op: 'configmap', name: 'c', value: i })),
    ...Array.from({ length: 4 }, (_, i): Step => ({ atMs: 70_000 + i, op: 'evict', name: 'web', index: i })),
  ];
  return { scenario: 'planted', seed, nodes: 4, durationMs: DURATION_MS, steps, faults: [] };
}
