/**
 * Each API server's lease in kube-system, by which others know that it lives; leases of those that do not are removed.
 * Sources: kubernetes pkg/controlplane/apiserver/server.go, pkg/controlplane/controller/apiserverleasegc.
 */
import { coordinationV1 } from '@kapella/api';
import { type Ctx, describeError, formatMicroTime, isReason, parseTime, sleep } from '@kapella/base';
import type { Client } from '@kapella/client';

const NAMESPACE = 'kube-system';
const IDENTITY_LABEL = 'apiserver.kubernetes.io/identity';
const COMPONENT = 'kube-apiserver';
const LEASE_SECONDS = 3_600;
const RENEW_MS = 10_000;
const COLLECT_MS = 3_600_000;
const RETRY_MS = 200;
const RETRY_MS_MAX = 7_000;

export interface ServerIdentity {
  /** `apiserver-` and a hash that is this server's on this host. */
  readonly id: string;
  readonly hostname: string;
}

type Lease = Readonly<{
  metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  spec?: { readonly renewTime?: string; readonly leaseDurationSeconds?: number };
}>;

export function isExpired({ spec }: Pick<Lease, 'spec'>, nowMs: number): boolean {
  const renewed = parseTime(spec?.renewTime);
  if (renewed === undefined || spec?.leaseDurationSeconds === undefined) return true;
  return renewed + spec.leaseDurationSeconds * 1000 < nowMs;
}

export interface RunningIdentity {
  /** Resolves when the lease is there. */
  readonly claimed: Promise<void>;
  /** Takes the lease away: this server is going. */
  release(ctx: Ctx): Promise<void>;
}

/** Renews the lease every 10 s, and once an hour removes those that have expired, until `ctx` ends or it is released. */
export function runIdentity(client: Client, identity: ServerIdentity, ctx: Ctx): RunningIdentity {
  const stop = new AbortController();
  const own: Ctx = { ...ctx, signal: AbortSignal.any([ctx.signal, stop.signal]) };
  const name = { namespace: NAMESPACE, name: identity.id };
  let resolveClaimed: () => void = () => {};
  const claimed = new Promise<void>((resolve) => {
    resolveClaimed = resolve;
  });
  const renewing = renew(client, identity, () => resolveClaimed(), own);
  const collecting = collect(client, own);
  return {
    claimed,
    async release(releaseCtx) {
      stop.abort();
      await Promise.all([renewing, collecting]);
      await client.delete(coordinationV1.Lease, name, releaseCtx).catch((error) => {
        if (!isReason(error, 'NotFound')) ctx.log.warn('own lease not removed', { error: describeError(error) });
      });
    },
  };
}

async function renew(client: Client, { id, hostname }: ServerIdentity, onClaimed: () => void, ctx: Ctx): Promise<void> {
  const holderIdentity = `${id}_${ctx.random.uuid()}`;
  const labels = { [IDENTITY_LABEL]: COMPONENT, 'kubernetes.io/hostname': hostname };
  let retryMs = RETRY_MS;
  while (!ctx.signal.aborted) {
    const renewTime = formatMicroTime(ctx.clock.nowMs());
    const body = {
      ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: id, namespace: NAMESPACE, labels } },
      spec: { holderIdentity, leaseDurationSeconds: LEASE_SECONDS, renewTime },
    };
    try {
      await write(client, id, body, ctx);
      onClaimed();
      retryMs = RETRY_MS;
      await sleep(RENEW_MS * (1 + 0.04 * ctx.random.float()), ctx);
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn('own lease not renewed', { lease: id, error: describeError(error) });
      await sleep(retryMs, ctx).catch(() => undefined);
      retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
    }
  }
}

/** Whatever was there before is this server's now. */
async function write(client: Client, name: string, body: object, ctx: Ctx): Promise<void> {
  const at = { namespace: NAMESPACE, name };
  try {
    await client.patch(coordinationV1.Lease, at, { type: 'merge', body }, ctx);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    await client.create(coordinationV1.Lease, body as never, ctx);
  }
}

async function collect(client: Client, ctx: Ctx): Promise<void> {
  const options = { namespace: NAMESPACE, labelSelector: `${IDENTITY_LABEL}=${COMPONENT}` };
  while (!ctx.signal.aborted) {
    try {
      const { items } = await client.list(coordinationV1.Lease, options, ctx);
      for (const lease of items as readonly Lease[]) await removeExpired(client, lease, ctx);
    } catch (error) {
      if (!ctx.signal.aborted) ctx.log.warn('leases of gone servers not removed', { error: describeError(error) });
    }
    await sleep(COLLECT_MS, ctx).catch(() => undefined);
  }
}

async function removeExpired(client: Client, { metadata, spec }: Lease, ctx: Ctx): Promise<void> {
  if (!isExpired(spec === undefined ? {} : { spec }, ctx.clock.nowMs())) return;
  const name = { namespace: NAMESPACE, name: metadata.name };
  const now = (await client.get(coordinationV1.Lease, name, ctx)) as Lease | undefined;
  if (now === undefined || !isExpired(now.spec === undefined ? {} : { spec: now.spec }, ctx.clock.nowMs())) return;
  try {
    await client.delete(coordinationV1.Lease, name, ctx);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
