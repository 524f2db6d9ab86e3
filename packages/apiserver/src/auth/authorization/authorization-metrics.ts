/** Source: apiserver/pkg/authorization/metrics, pkg/server/options/authorizationconfig/metrics, plugin/pkg/authorizer/webhook/metrics. */
import type { AttemptResult } from '../../outbound/review-client.ts';
import type { MetricsRegistry } from '../../metrics/registry.ts';
import type { Authorizer, Decision } from '../contract.ts';

const PREFIX = 'apiserver_authorization_';
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface AuthorizationMetrics {
  decided(type: string, name: string, decision: Decision['decision']): void;
  webhookAsked(name: string, result: AttemptResult, tookMs: number): void;
  failedOpen(name: string): void;
  conditions(name: string, outcome: 'excluded' | 'error'): void;
  reloaded(succeeded: boolean, nowMs: number): void;
}

export function createAuthorizationMetrics(metrics: MetricsRegistry): AuthorizationMetrics {
  const counter = (name: string, help: string, labels: readonly string[]) =>
    metrics.counter(`${PREFIX}${name}`, help, labels);
  const decisions = counter('decisions_total', 'Terminal decisions of authorizers.', ['type', 'name', 'decision']);
  const asked = counter('webhook_evaluations_total', 'Round-trips to authorization webhooks.', ['name', 'result']);
  const duration = metrics.histogram(
    `${PREFIX}webhook_duration_seconds`,
    'Request latency of authorization webhooks in seconds.',
    ['name', 'result'],
    DURATION_BUCKETS,
  );
  const open = counter('webhook_evaluations_fail_open_total', 'NoOpinion results due to webhooks that failed.', [
    ...['name', 'result'],
  ]);
  const exclusions = counter('match_condition_exclusions_total', 'Requests that match conditions left out.', [
    ...['type', 'name'],
  ]);
  const errors = counter('match_condition_evaluation_errors_total', 'Errors of match conditions.', ['type', 'name']);
  const reloads = counter('config_controller_automatic_reloads_total', 'Reloads of the configuration.', ['status']);
  const last = metrics.gauge(
    `${PREFIX}config_controller_automatic_reload_last_timestamp_seconds`,
    'Timestamp of the last reload of the configuration.',
    ['status'],
  );
  return {
    decided(type, name, decision) {
      if (decision !== 'none') decisions.add([type, name, decision === 'allow' ? 'allowed' : 'denied']);
    },
    webhookAsked(name, result, tookMs) {
      asked.add([name, result]);
      duration.observe([name, result], tookMs / 1000);
    },
    failedOpen: (name) => open.add([name, 'error']),
    conditions: (name, outcome) => (outcome === 'error' ? errors : exclusions).add(['Webhook', name]),
    reloaded(succeeded, nowMs) {
      const status = succeeded ? 'success' : 'failure';
      reloads.add([status]);
      last.set([status], nowMs / 1000);
    },
  };
}

/** The authorizer, with its decisions counted. */
export function counted(type: string, name: string, inner: Authorizer, metrics: AuthorizationMetrics): Authorizer {
  return {
    authorize(attributes, ctx) {
      const answer = inner.authorize(attributes, ctx);
      if (answer instanceof Promise) {
        return answer.then((settled) => {
          metrics.decided(type, name, settled.decision);
          return settled;
        });
      }
      metrics.decided(type, name, answer.decision);
      return answer;
    },
    ...(inner.rulesFor !== undefined && { rulesFor: inner.rulesFor.bind(inner) }),
  };
}
