/** Everything that the cluster can do, under every fault there is: volumes and autoscaling beside what `mixed` has. */
import type { Random } from '@kapella/base';
import { type Plan, planFaults, type Step } from '../sim/plan.ts';
import { act } from './mixed.ts';

const NODES = 4;
const FAULTS_MAX = 14;

export function planStorm(seed: number, durationMs: number, random: Random): Plan {
  const steps: Step[] = [
    { atMs: 0, op: 'class', name: 'fast', binding: 'Immediate' },
    { atMs: 0, op: 'class', name: 'late', binding: 'WaitForFirstConsumer' },
    { atMs: 0, op: 'daemonset', name: 'agent' },
    { atMs: 0, op: 'deployment', name: 'web', replicas: 4, maxSurge: 1, maxUnavailable: 1 },
    { atMs: 0, op: 'budget', name: 'web', minAvailable: 3 },
    { atMs: 0, op: 'service', name: 'web' },
    { atMs: 500, op: 'deployment', name: 'wide', maxSurge: 1, maxUnavailable: 0 },
    { atMs: 1_000, op: 'autoscaler', name: 'wide', min: 2, max: 8 },
    { atMs: 1_000, op: 'load', name: 'wide', cpuMilli: 200 },
    { atMs: 2_000, op: 'statefulset', name: 'disk', replicas: 3, class: 'late' },
  ];
  const count = Math.floor(durationMs / 6_000);
  for (let i = 0; i < count; i++) {
    const step = random.float() < 0.5 ? act(i, random) : actMore(i, random);
    steps.push({ atMs: Math.floor(10_000 + random.float() * durationMs * 0.85), ...step });
  }
  steps.sort((a, b) => a.atMs - b.atMs);
  const faults = planFaults(2 + Math.floor(random.float() * FAULTS_MAX), durationMs, NODES, random);
  return { scenario: 'storm', seed, nodes: NODES, durationMs, steps, faults };
}

function actMore(i: number, random: Random): Omit<Step, 'atMs'> & { op: string } {
  const pick = (max: number) => Math.floor(random.float() * max);
  switch (pick(7)) {
    case 0:
      return { op: 'load', name: 'wide', cpuMilli: 50 + pick(400) };
    case 1:
      return claim(pick(3));
    case 2:
      return { op: 'claim-user', name: `claim-${pick(3)}` };
    case 3:
      return { op: 'delete', kind: pick(2) === 0 ? 'Pod' : 'PersistentVolumeClaim', name: `claim-${pick(3)}` };
    case 4:
      return { op: 'statefulset', name: 'disk', replicas: 1 + pick(4), class: 'late' };
    case 5:
      return { op: 'delete-one', name: pick(2) === 0 ? 'agent' : 'disk' };
    default:
      return { op: 'daemonset', name: 'agent', image: `img:${i}` };
  }
}

/** Its class cannot be changed: the name says it. */
const claim = (i: number) => ({ op: 'claim', name: `claim-${i}`, class: i === 1 ? 'late' : 'fast' });
