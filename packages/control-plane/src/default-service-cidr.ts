/**
 * Keeps the ServiceCIDR `kubernetes`: the networks that the server was started with.
 * Source: kubernetes pkg/controlplane/controller/defaultservicecidr.
 */
import { networkingV1 } from '@kapella/api';
import type { ServiceCIDR } from '@kapella/api/types/networking-v1';
import type { ApiServer } from '@kapella/apiserver';
import { type Ctx, describeError, formatTime, isReason, jsonEqual } from '@kapella/base';
import { DEFAULT_SERVICE_CIDR } from '@kapella/resources';

/** Resolves when it is there; runs until `ctx` ends. */
export async function startDefaultServiceCidr(server: ApiServer, cidrs: readonly string[], ctx: Ctx): Promise<void> {
  const keep = () => keepDefault(server, cidrs, ctx);
  await keep();
  server.access.follow<ServiceCIDR>(networkingV1.ServiceCIDR, ({ deleted, name, object }) => {
    if (name !== DEFAULT_SERVICE_CIDR || ctx.signal.aborted) return;
    if (!deleted && (object().metadata.deletionTimestamp !== undefined || hasReady(object()))) return;
    keep().catch((error: unknown) => {
      if (!ctx.signal.aborted) ctx.log.error('default ServiceCIDR not kept', { error: describeError(error) });
    });
  });
}

async function keepDefault({ access }: ApiServer, cidrs: readonly string[], ctx: Ctx): Promise<void> {
  const kind = networkingV1.ServiceCIDR;
  const found = await access.get(kind, '', DEFAULT_SERVICE_CIDR);
  if (found === undefined) {
    const metadata = { name: DEFAULT_SERVICE_CIDR };
    try {
      await access.create(kind, { metadata, spec: { cidrs } } as unknown as ServiceCIDR, ctx);
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error; // another server was quicker
    }
  }
  await access.update(kind, '', DEFAULT_SERVICE_CIDR, (old) => nextDefault(old, cidrs, ctx.clock.nowMs()), ctx);
}

const hasReady = ({ status }: ServiceCIDR) => status?.conditions?.some(({ type }) => type === 'Ready') ?? false;

/** Pure. undefined: as it should be, or not ours to change. */
export function nextDefault(old: ServiceCIDR, cidrs: readonly string[], nowMs: number): ServiceCIDR | undefined {
  if (old.metadata.deletionTimestamp !== undefined) return undefined;
  const present = old.spec?.cidrs ?? [];
  // A cluster of one family may become one of two.
  if (cidrs.length === 2 && present.length === 1 && present[0] === cidrs[0]) return { ...old, spec: { cidrs } };
  if (!jsonEqual(present, cidrs) || hasReady(old)) return undefined;
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: formatTime(nowMs),
  };
  return { ...old, status: { ...old.status, conditions: [...(old.status?.conditions ?? []), ready] } } as ServiceCIDR;
}
