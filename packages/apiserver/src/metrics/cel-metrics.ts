/** Time that expressions take, and what policies decided. Sources: apiserver/pkg/cel/metrics, .../policy/validating/metrics. */
import type { MetricsRegistry } from './registry.ts';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const CHECK_SECONDS = [5e-7, 1e-3, 1e-2, 1e-1, 1];

export interface CelMetrics {
  /** All expressions of one policy, webhook or schema. */
  compiled(seconds: number): void;
  /** All expressions of one policy for one request. */
  evaluated(seconds: number): void;
  checked(check: PolicyCheck, seconds: number): void;
}

export interface PolicyCheck {
  readonly policy: string;
  readonly binding: string;
  readonly errorType: 'no_error' | 'compile_error' | 'invalid_error';
  readonly action: 'allow' | 'deny' | 'audit' | 'warn';
}

const known = new WeakMap<MetricsRegistry, CelMetrics>();

export function celMetrics(registry: MetricsRegistry): CelMetrics {
  const made = known.get(registry) ?? create(registry);
  known.set(registry, made);
  return made;
}

function create(registry: MetricsRegistry): CelMetrics {
  const timed = (what: string, help: string) =>
    registry.histogram(`apiserver_cel_${what}_duration_seconds`, help, [], SECONDS);
  const compilation = timed('compilation', 'Time of compiling expressions.').with([]);
  const evaluation = timed('evaluation', 'Time of evaluating expressions.').with([]);
  const name = (rest: string) => `apiserver_validating_admission_policy_check_${rest}`;
  const labels = ['policy', 'policy_binding', 'error_type', 'enforcement_action'];
  const total = registry.counter(name('total'), 'What validating policies decided.', labels);
  const duration = registry.histogram(
    name('duration_seconds'),
    'Time of the checks of validating policies.',
    labels,
    CHECK_SECONDS,
  );
  return {
    compiled: (seconds) => compilation.observe(seconds),
    evaluated: (seconds) => evaluation.observe(seconds),
    checked({ policy, binding, errorType, action }, seconds) {
      const values = [policy, binding, errorType, action];
      total.add(values);
      duration.observe(values, seconds);
    },
  };
}
