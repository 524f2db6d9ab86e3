/** The certificates of a node agent, and their renewal while it runs. Source: client-go/util/certificate (rotation). */
import { X509Certificate } from 'node:crypto';
import { type Clock, type Ctx, describeError, type MetricsRegistry, sleep } from '@kapella/base';
import type { KeyPairPem } from '@kapella/control-plane/node';

const DAY_MS = 86_400_000;
const RETRY_MS = 10_000;
const RETRY_MS_MAX = 15 * 60_000;

export interface LivePair {
  current(): KeyPairPem;
  /** `fn` is called with each newer one. */
  onChange(fn: (pair: KeyPairPem) => void): void;
}

export interface AgentCredentials {
  /** PEM: of the API server, and of who may call the agent. */
  readonly ca: string;
  /** `system:node:<name>`. */
  readonly client: LivePair;
  /** Of proxy and DNS. */
  readonly network: LivePair;
  /** Of the agent's HTTPS server. */
  readonly serving: LivePair;
  /** Renews until `ctx` aborts; settles then. */
  run(ctx: Ctx): Promise<void>;
}

export interface RenewedPair extends LivePair {
  set(pair: KeyPairPem): void;
}

export function livePair(first: KeyPairPem): RenewedPair {
  let pair = first;
  const listeners: ((next: KeyPairPem) => void)[] = [];
  return {
    current: () => pair,
    onChange: (fn) => void listeners.push(fn),
    set(next) {
      pair = next;
      for (const fn of listeners) fn(next);
    },
  };
}

/** Somewhere between 70 and 90 % of its life: nodes of one age do not all come at once. `chance`: 0 to 1. */
export function renewAtMs(cert: string, chance: number): number {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  const fromMs = validFromDate.getTime();
  return fromMs + (validToDate.getTime() - fromMs) * (0.7 + 0.2 * chance);
}

/** Asks for a newer one in good time, again and again when it fails. `now`: at once, the present one is only a stopgap. */
export async function keepRenewed(
  what: string,
  pair: RenewedPair,
  renew: (ctx: Ctx) => Promise<KeyPairPem>,
  ctx: Ctx,
  now = false,
): Promise<void> {
  let dueMs = now ? 0 : renewAtMs(pair.current().cert, ctx.random.float());
  for (let retryMs = RETRY_MS; !ctx.signal.aborted; ) {
    const waitMs = dueMs - ctx.clock.nowMs();
    if (waitMs > 0) {
      await sleep(Math.min(waitMs, DAY_MS), ctx).catch(() => {});
      continue;
    }
    try {
      pair.set(await renew(ctx));
      ctx.log.info('certificate renewed', { what });
      dueMs = renewAtMs(pair.current().cert, ctx.random.float());
      retryMs = RETRY_MS;
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn('certificate not renewed', { what, retryMs, error: describeError(error) });
      dueMs = ctx.clock.nowMs() + retryMs;
      retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
    }
  }
}

/** How long they are good for, by the kubelet's names. Source: kubernetes pkg/kubelet/certificate. */
export function addCertificateMetrics(
  registry: MetricsRegistry,
  pairs: Pick<AgentCredentials, 'client' | 'serving'>,
  clock: Pick<Clock, 'nowMs'>,
): void {
  const secondsOf = (pair: LivePair) => {
    let known: { readonly cert: string; readonly endMs: number } | undefined;
    return () => {
      const { cert } = pair.current();
      if (known?.cert !== cert) known = { cert, endMs: new X509Certificate(cert).validToDate.getTime() };
      return Math.trunc((known.endMs - clock.nowMs()) / 1000);
    };
  };
  const help = (whose: string) =>
    `Gauge of the TTL (time-to-live) of the Kubelet's ${whose} certificate. The value is in seconds until certificate ` +
    'expiry (negative if already expired). If the certificate is invalid or unused, the value will be +INF.';
  registry.readGauge('kubelet_certificate_manager_client_ttl_seconds', help('client'), secondsOf(pairs.client));
  registry.readGauge('kubelet_certificate_manager_server_ttl_seconds', help('serving'), secondsOf(pairs.serving));
}
