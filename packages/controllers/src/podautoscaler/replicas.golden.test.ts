/** How many replicas metrics ask for, case by case. Cases and results: upstream's replica_calculator_test.go. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';
import { DEFAULT_TUNING } from '../tuning.ts';
import { fromAverage, fromTotal, fromTotalPerPod, fromUtilization, type PodMetrics } from './replicas.ts';

interface Case {
  readonly case: string;
  readonly kind: 'utilization' | 'average' | 'total' | 'total-per-pod';
  readonly current: number;
  readonly expected?: number;
  /** Part of the message. */
  readonly error?: string;
  /** Absent: 0.1. */
  readonly tolerance?: number;
  /** Of each Pod; absent: ready, running, of no start time, not deleted. */
  readonly ready?: readonly string[];
  readonly phase?: readonly string[];
  readonly start?: readonly ('hot' | 'cool')[];
  readonly deleted?: readonly boolean[];
  readonly resource?: string;
  /** Of each Pod's two containers, each. */
  readonly requests?: readonly string[];
  /** Of each Pod, for resources of each of its containers, in thousandths. */
  readonly levels: readonly (number | readonly number[])[];
  readonly container?: string;
  /** The metrics are of other Pods. */
  readonly strangers?: boolean;
  readonly target: number;
  readonly utilization?: number;
  /** Of a Pod; where the metric is of an object, all of it. */
  readonly average?: number;
}

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
const NEVER = '0001-01-01T00:00:00Z';
const cases: readonly Case[] = JSON.parse(readFileSync(new URL('replicas.golden.json', import.meta.url), 'utf8'));
const tuning = {
  ...DEFAULT_TUNING,
  horizontalPodAutoscalerCpuInitializationPeriodMs: 120_000,
  horizontalPodAutoscalerInitialReadinessDelayMs: 10_000,
};

function podsOf({ current, ready, phase, start, deleted, resource = '', requests }: Case): Pod[] {
  const startOf = (kind: 'hot' | 'cool') => formatTime(NOW_MS - (kind === 'cool' ? 180_000 : 0));
  return Array.from({ length: Math.max(current, phase?.length ?? 0) }, (_, i) => {
    const request = requests?.[i];
    const resources = request === undefined ? {} : { resources: { requests: { [resource]: request } } };
    const began = start?.[i];
    return {
      metadata: { name: `p${i}`, ...(deleted?.[i] === true && { deletionTimestamp: formatTime(NOW_MS) }) },
      spec: { containers: ['container1', 'container2'].map((name) => ({ name, ...resources })) },
      status: {
        phase: phase?.[i] ?? 'Running',
        startTime: began === undefined ? NEVER : startOf(began),
        conditions: [{ type: 'Ready', status: ready?.[i] ?? 'True', lastTransitionTime: NEVER }],
      },
    } as unknown as Pod;
  });
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

function metricsOf({ levels, container, strangers }: Case): PodMetrics {
  const milliOf = (level: number | readonly number[]) => {
    if (typeof level === 'number') return level;
    return container === undefined ? sum(level) : (level[Number(container.at(-1)) - 1] ?? 0);
  };
  const prefix = strangers === true ? 'other' : 'p';
  return new Map(
    levels.map((level, i) => [
      `${prefix}${i}`,
      { milli: milliOf(level), atMs: Number.NEGATIVE_INFINITY, windowMs: 60_000 },
    ]),
  );
}

/** Replicas, and what else the case tells. */
function run(one: Case): readonly (number | undefined)[] {
  const { current, tolerance = 0.1, target, resource = '', container = '', average } = one;
  const tolerances = { up: tolerance, down: tolerance };
  const base = { pods: podsOf(one), current, tolerances, nowMs: NOW_MS, tuning };
  const total = sum(one.levels.flat());
  switch (one.kind) {
    case 'utilization': {
      const done = fromUtilization({ ...base, metrics: metricsOf(one) }, target, resource, container);
      return [done.replicas, done.averageMilli, done.utilization];
    }
    case 'average': {
      const done = fromAverage({ ...base, metrics: metricsOf(one) }, target, '');
      return [done.replicas, done.averageMilli, undefined];
    }
    case 'total':
      return [fromTotal(base, total, target), average, undefined];
    case 'total-per-pod':
      return [fromTotalPerPod(tolerances, current, total, target), average, undefined];
  }
}

test('replicas by metrics', () => {
  assert.ok(cases.length > 60);
  for (const one of cases) {
    if (one.error !== undefined) {
      assert.throws(() => run(one), { message: new RegExp(one.error.replaceAll(/[()]/g, '\\$&')) }, one.case);
      continue;
    }
    assert.deepEqual(run(one), [one.expected, one.average, one.utilization], one.case);
  }
});
