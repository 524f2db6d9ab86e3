/** How webhooks do, under upstream's names. Source: apiserver/pkg/admission/metrics/metrics.go. */
import type { AdmissionRequest, MetricsRegistry, ServerAccess } from '@kapella/apiserver';
import { ApiError } from '@kapella/base';
import type { CompiledWebhook } from './configuration.ts';

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];

export interface WebhookMetrics {
  /** `code`: of the refusal; 200 where it allowed; 0 where no answer came. */
  called(hook: string, type: 'admit' | 'validating', operation: string, code: number, seconds: number): void;
  failedOpen(hook: string, type: 'admit' | 'validating'): void;
  rejected(hook: string, type: 'admit' | 'validating', operation: string, error: unknown): void;
}

const known = new WeakMap<MetricsRegistry, WebhookMetrics>();

export function webhookMetrics({ metrics }: ServerAccess): WebhookMetrics | undefined {
  if (metrics === undefined) return undefined;
  const made = known.get(metrics) ?? create(metrics);
  known.set(metrics, made);
  return made;
}

/** Counts one call and its end, whatever it is. `ask` resolves with undefined when a failure was passed over. */
export async function measured<T>(
  { hook }: CompiledWebhook,
  request: AdmissionRequest,
  mayPatch: boolean,
  server: ServerAccess,
  nowMs: () => number,
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const metrics = webhookMetrics(server);
  if (metrics === undefined) return ask();
  const type = mayPatch ? 'admit' : 'validating';
  const fromMs = nowMs();
  try {
    const answer = await ask();
    if (answer === undefined) metrics.failedOpen(hook.name, type);
    metrics.called(hook.name, type, request.operation, answer === undefined ? 0 : 200, (nowMs() - fromMs) / 1000);
    return answer;
  } catch (error) {
    const code = error instanceof ApiError ? error.code : 500;
    metrics.called(hook.name, type, request.operation, code, (nowMs() - fromMs) / 1000);
    metrics.rejected(hook.name, type, request.operation, error);
    throw error;
  }
}

function create(registry: MetricsRegistry): WebhookMetrics {
  const name = (rest: string) => `apiserver_admission_webhook_${rest}`;
  const duration = registry.histogram(
    name('admission_duration_seconds'),
    'Time of one call of a webhook.',
    ['name', 'operation', 'rejected', 'type'],
    SECONDS,
  );
  const total = registry.counter(name('request_total'), 'Calls of webhooks.', [
    ...['name', 'type', 'operation', 'code', 'rejected'],
  ]);
  const open = registry.counter(name('fail_open_count'), 'Failures of webhooks that were passed over.', [
    'name',
    'type',
  ]);
  const rejections = registry.counter(name('rejection_count'), 'Requests that webhooks, or their failure, refused.', [
    ...['name', 'type', 'operation', 'error_type', 'rejection_code'],
  ]);
  return {
    called(hook, type, operation, code, seconds) {
      const rejected = String(code >= 400);
      duration.with([hook, operation, rejected, type]).observe(seconds);
      total.add([hook, type, operation, String(code), rejected]);
    },
    failedOpen: (hook, type) => open.add([hook, type]),
    rejected(hook, type, operation, error) {
      const isOwn = !(error instanceof ApiError) || error.reason === 'InternalError';
      const code = error instanceof ApiError ? error.code : 500;
      const errorType = isOwn ? 'calling_webhook_error' : 'no_error';
      rejections.add([hook, type, operation, errorType, isOwn ? '0' : String(Math.min(code, 600))]);
    },
  };
}
