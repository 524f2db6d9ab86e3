/** A hundred CronJobs, each once an hour, for as long as asked; nothing goes wrong. */
import type { Plan, Step } from '../sim/plan.ts';

const CRON_JOBS = 100;

export function planCron(seed: number, durationMs: number): Plan {
  const steps = Array.from({ length: CRON_JOBS }, (_, i): Step => {
    return { atMs: 0, op: 'cronjob', name: `cron-${i}`, schedule: `${i % 60} * * * *` };
  });
  return { scenario: 'cron', seed, nodes: 1, durationMs, steps, faults: [], actors: false };
}
