/** The scenarios by name, and how long each lasts when nobody says. */
import type { Random } from '@kapella/base';
import type { Plan } from '../sim/plan.ts';
import { planCron } from './cron.ts';
import { planMixed } from './mixed.ts';
import { planPlanted } from './planted.ts';
import { planStorm } from './storm.ts';

export interface Scenario {
  readonly name: string;
  readonly text: string;
  readonly hours: number;
  plan(seed: number, durationMs: number, random: Random): Plan;
}

export const scenarios: readonly Scenario[] = [
  { name: 'mixed', text: 'workloads of all kinds under faults of all kinds', hours: 0.1, plan: planMixed },
  { name: 'storm', text: 'volumes and autoscaling too, under every fault there is', hours: 0.1, plan: planStorm },
  {
    name: 'planted',
    text: 'everything once, no faults: planted bugs are looked for in it',
    hours: 0.03,
    plan: planPlanted,
  },
  { name: 'cron', text: '100 hourly CronJobs on a hollow node, no faults', hours: 24, plan: planCron },
];
