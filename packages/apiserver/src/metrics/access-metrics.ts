/** Who came in, and who might do what. Sources: apiserver/pkg/endpoints/filters/{authn_metrics,authz_metrics}. */
import type { Decision } from '../auth/contract.ts';
import type { UserInfo } from '../resource.ts';
import type { MetricsRegistry, Series } from './registry.ts';

const SECONDS = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);

export interface AccessMetrics {
  /** undefined: nobody that the server knows. */
  authenticated(user: UserInfo | undefined, seconds: number): void;
  /** `error`: an authorizer could not decide, and no other allowed. */
  authorized(decision: Decision['decision'] | 'error'): void;
}

/** Names that upstream tells apart; all others would be too many. */
const TOLD = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default']);
const RESULTS = { allow: 'allowed', deny: 'denied', none: 'no-opinion' } as const;

export function createAccessMetrics(registry: MetricsRegistry): AccessMetrics {
  const attempts = registry.counter('authentication_attempts', 'Authentication attempts, by result.', ['result']);
  const [success, failure] = [attempts.with(['success']), attempts.with(['failure'])];
  const users = registry.counter('authenticated_user_requests', 'Authenticated requests, by user.', ['username']);
  const byUser = new Map<string, Series>();
  const seconds = registry.histogram(
    'authentication_duration_seconds',
    'Time of authentication, by result.',
    ['result'],
    SECONDS,
  );
  const times = { success: seconds.with(['success']), failure: seconds.with(['failure']) };
  const decisions = registry.counter('authorization_attempts_total', 'Authorizations, by result.', ['result']);
  const byDecision = {
    ...{ allow: decisions.with([RESULTS.allow]), deny: decisions.with([RESULTS.deny]) },
    none: decisions.with([RESULTS.none]),
    error: decisions.with(['error']),
  };
  return {
    authenticated(user, took) {
      if (user === undefined) {
        failure.value++;
        times.failure.observe(took);
        return;
      }
      success.value++;
      times.success.observe(took);
      const name = TOLD.has(user.username) ? user.username : user.username.includes('@') ? 'email_id' : 'other';
      let series = byUser.get(name);
      if (series === undefined) {
        series = users.with([name]);
        byUser.set(name, series);
      }
      series.value++;
    },
    authorized: (decision) => void byDecision[decision].value++,
  };
}
