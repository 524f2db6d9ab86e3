/** How long admission takes, in all and plugin by plugin. Source: apiserver/pkg/admission/metrics/metrics.go. */
import type { DistributionSeries, MetricsRegistry } from './registry.ts';

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

export type AdmissionPhase = 'admit' | 'validate';

export interface AdmissionMetrics {
  step(phase: AdmissionPhase, operation: string, rejected: boolean, seconds: number): void;
  plugin(name: string, phase: AdmissionPhase, operation: string, rejected: boolean, seconds: number): void;
  /** Where the times of one plugin that refused nothing are told; of all of them together without a name. */
  passed(name: string | undefined, phase: AdmissionPhase, operation: string): Pick<DistributionSeries, 'observe'>;
}

const NOWHERE = { observe: () => {} };

export const NO_ADMISSION_METRICS: AdmissionMetrics = { step: () => {}, plugin: () => {}, passed: () => NOWHERE };

export function createAdmissionMetrics(registry: MetricsRegistry): AdmissionMetrics {
  const steps = registry.histogram(
    'apiserver_admission_step_admission_duration_seconds',
    'Time of all admission plugins of one phase.',
    ['operation', 'rejected', 'type'],
    SECONDS,
  );
  const plugins = registry.histogram(
    'apiserver_admission_controller_admission_duration_seconds',
    'Time of one admission plugin.',
    ['name', 'operation', 'rejected', 'type'],
    SECONDS,
  );
  const known = new Map<string, DistributionSeries>();
  const series = (key: string, make: () => DistributionSeries) => {
    let found = known.get(key);
    if (found === undefined) {
      found = make();
      known.set(key, found);
    }
    return found;
  };
  const stepSeries = (phase: AdmissionPhase, operation: string, rejected: boolean) =>
    series(`${phase} ${operation} ${rejected}`, () => steps.with([operation, String(rejected), phase]));
  const pluginSeries = (name: string, phase: AdmissionPhase, operation: string, rejected: boolean) =>
    series(`${name} ${phase} ${operation} ${rejected}`, () => plugins.with([name, operation, String(rejected), phase]));
  return {
    step: (phase, operation, rejected, seconds) => stepSeries(phase, operation, rejected).observe(seconds),
    plugin: (name, phase, operation, rejected, seconds) =>
      pluginSeries(name, phase, operation, rejected).observe(seconds),
    passed: (name, phase, operation) =>
      name === undefined ? stepSeries(phase, operation, false) : pluginSeries(name, phase, operation, false),
  };
}
