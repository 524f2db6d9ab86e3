/** Source: apiserver/pkg/server/options/authenticationconfig/metrics, plugin/pkg/authenticator/token/oidc/metrics.go. */
import type { MetricsRegistry } from '../../metrics/registry.ts';
import type { ProviderMetrics } from './provider.ts';

const PREFIX = 'apiserver_authentication_';
const RELOADS = `${PREFIX}config_controller_automatic_reload`;

export interface JwtMetrics extends ProviderMetrics {
  reloaded(succeeded: boolean, nowMs: number): void;
}

export function createJwtMetrics(metrics: MetricsRegistry): JwtMetrics {
  const keys = metrics.gauge(
    `${PREFIX}jwt_authenticator_jwks_fetch_last_timestamp_seconds`,
    'Timestamp of the last fetch of the keys of an issuer, by result.',
    ['result', 'jwt_issuer'],
  );
  const reloads = metrics.counter(`${RELOADS}s_total`, 'Reloads of the authentication configuration, by status.', [
    'status',
  ]);
  const last = metrics.gauge(
    `${RELOADS}_last_timestamp_seconds`,
    'Timestamp of the last reload of the authentication configuration, by status.',
    ['status'],
  );
  const status = (succeeded: boolean) => (succeeded ? 'success' : 'failure');
  return {
    keysFetched: (issuer, succeeded, nowMs) => keys.set([status(succeeded), issuer], nowMs / 1000),
    reloaded(succeeded, nowMs) {
      reloads.add([status(succeeded)]);
      last.set([status(succeeded)], nowMs / 1000);
    },
  };
}
