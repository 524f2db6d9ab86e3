/** Secrets that hold a token of a service account, without an end. Pure. Source: kubernetes pkg/serviceaccount/legacy.go. */

export const ACCOUNT_TOKEN_TYPE = 'kubernetes.io/service-account-token';
/** Annotations of such a Secret. */
export const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
export const ACCOUNT_UID = 'kubernetes.io/service-account.uid';
/** Whose tokens these are, whatever the issuer of all others is called. */
export const LEGACY_ISSUER = 'kubernetes/serviceaccount';
/** Labels; their values are days, `2026-01-31`. */
export const LAST_USED = 'kubernetes.io/legacy-token-last-used';
export const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
/** The ConfigMap in kube-system that says since when the use of these tokens is noted. */
export const TOKEN_TRACKING = 'kube-apiserver-legacy-service-account-token-tracking';

/** The day, in UTC. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** The day's beginning in ms since 1970; undefined for what is no day. */
export function dayStartMs(day: string | undefined): number | undefined {
  if (day === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const ms = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(ms) || dayOf(ms) !== day ? undefined : ms;
}
