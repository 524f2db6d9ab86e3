/** A busy little cluster: rollouts, scaling, Jobs, evictions under a budget, a quota, namespaces that come and go. */
import type { Random } from '@kapella/base';
import { FIRST_FAULT_KINDS, type Plan, planFaults, type Step } from '../sim/plan.ts';

const NODES = 4;
const FAULTS_MAX = 12;

export function planMixed(seed: number, durationMs: number, random: Random): Plan {
  const steps: Step[] = [
    { atMs: 0, op: 'deployment', name: 'web', replicas: 4, maxSurge: 1, maxUnavailable: 1 },
    { atMs: 0, op: 'budget', name: 'web', minAvailable: 3 },
    { atMs: 0, op: 'service', name: 'web' },
    { atMs: 1_000, op: 'statefulset', name: 'db', replicas: 3 },
    { atMs: 2_000, op: 'namespace', name: 'small' },
    { atMs: 3_000, op: 'quota', namespace: 'small', name: 'quota', pods: 3 },
    { atMs: 8_000, op: 'deployment', namespace: 'small', name: 'greedy', replicas: 5 },
  ];
  const count = Math.floor(durationMs / 8_000);
  for (let i = 0; i < count; i++)
    steps.push({ atMs: Math.floor(10_000 + random.float() * durationMs * 0.85), ...act(i, random) });
  steps.sort((a, b) => a.atMs - b.atMs);
  const faults = planFaults(2 + Math.floor(random.float() * FAULTS_MAX), durationMs, NODES, random, FIRST_FAULT_KINDS);
  return { scenario: 'mixed', seed, nodes: NODES, durationMs, steps, faults };
}

export function act(i: number, random: Random): Omit<Step, 'atMs'> & { op: string } {
  const pick = (max: number) => Math.floor(random.float() * max);
  switch (pick(11)) {
    case 0:
    case 1:
      return { op: 'deployment', name: 'web', replicas: 4, image: `img:${i}`, maxSurge: 1, maxUnavailable: 1 };
    case 2:
      return { op: 'statefulset', name: 'db', replicas: 1 + pick(4) };
    case 3:
      return { op: 'statefulset', name: 'db', replicas: 3, image: `img:${i}` };
    case 4:
      return { op: 'job', name: `job-${i}`, completions: 1 + pick(4), parallelism: 1 + pick(3) };
    case 5:
    case 6:
      return { op: 'evict', name: 'web' };
    case 7:
      return { op: 'configmap', name: `config-${pick(3)}`, value: i };
    case 8:
      return { op: 'delete', kind: 'ConfigMap', name: `config-${pick(3)}` };
    case 9:
      return pick(2) === 0
        ? { op: 'deployment', name: `temp-${pick(2)}`, replicas: 1 + pick(3) }
        : {
            op: 'delete',
            kind: 'Deployment',
            name: `temp-${pick(2)}`,
            policy: pick(2) === 0 ? 'Background' : 'Foreground',
          };
    default:
      return pick(2) === 0
        ? { op: 'namespace', name: `ns-${pick(2)}` }
        : { op: 'delete', kind: 'Namespace', name: `ns-${pick(2)}` };
  }
}
