/** Labels as upstream's: dashboards and alerts ask by them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetricsRegistry } from '@kapella/base';
import { createSchedulerMetrics } from './scheduler-metrics.ts';

test('attempts are told up to 15+, events under way by their label, Pods placed after a flush by themselves', () => {
  const registry = createMetricsRegistry();
  const metrics = createSchedulerMetrics(registry, {
    pending: () => 0,
    cacheSize: () => 0,
    inFlightEvents: () => new Map([['AssignedPodDelete', 2]]),
    unschedulable: () => [],
  });
  metrics.scheduled(14, 1, false);
  metrics.scheduled(15, 1, true);
  metrics.scheduled(40, 1, false);
  const lines = registry.text().split('\n');
  const has = (line: string) => assert.ok(lines.includes(line), line);
  has('scheduler_pod_scheduling_sli_duration_seconds_count{attempts="14"} 1');
  has('scheduler_pod_scheduling_sli_duration_seconds_count{attempts="15+"} 2');
  has('scheduler_inflight_events{event="AssignedPodDelete"} 2');
  has('scheduler_pod_scheduled_after_flush_total 1');
});
