/** Keeps namespaces within their quotas. Source: apiserver pkg/admission/plugin/resourcequota/controller.go. */
import { coreV1, Quantity } from '@kapella/api';
import type { Pod, ResourceQuota } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin, AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import { addAmounts, type Amounts, parseAmounts } from '../../support/resources.ts';
import { isFor, podOf, refuse } from '../../support/request.ts';
import { quotaMatches } from './scopes.ts';
import { usageOf } from './usage.ts';

/** Resources that each container must ask for when a quota bounds them. */
const MUST_ASK = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];

export const resourceQuota: AdmissionPlugin = {
  name: 'ResourceQuota',
  handles: ({ operation, namespace, subresource }) =>
    (operation === 'CREATE' || operation === 'UPDATE') && namespace !== '' && subresource === '',
  isIdle: (_, server) => server.isEmpty(coreV1.ResourceQuota),

  async validate(request, server, ctx) {
    if (isFor(request, 'resourcequotas')) return;
    const quotas = await server.list(coreV1.ResourceQuota, request.namespace);
    if (quotas.length === 0) return;
    const delta = deltaOf(request);
    for (const quota of quotas) {
      if (!quotaMatches(quota, request)) continue;
      const asked = masked(delta, quota);
      if (request.operation === 'CREATE' && isFor(request, 'pods')) checkConstraints(request, quota);
      if ([...asked.values()].every((amount) => amount.isZero)) continue;
      await charge(request, quota, asked, server, ctx);
    }
  },
};

/** What the write adds; an update never gives back here, the controller counts that. */
function deltaOf(request: AdmissionRequest): Amounts {
  const next = usageOf(request, request.object);
  if (request.operation === 'CREATE') return next;
  const old = usageOf(request, request.oldObject);
  const grown = [...next].map(([name, amount]) => [name, amount.sub(old.get(name) ?? Quantity.zero)] as const);
  return new Map(grown.filter(([, amount]) => amount.sign > 0));
}

function masked(usage: Amounts, { status }: ResourceQuota): Amounts {
  return new Map([...usage].filter(([name]) => Object.hasOwn(status?.hard ?? {}, name)));
}

/** Counts in one atomic write, so that two requests cannot both take the last of it. */
async function charge(
  request: AdmissionRequest,
  quota: ResourceQuota,
  asked: Amounts,
  server: ServerAccess,
  ctx: Ctx,
): Promise<void> {
  const charged = (current: ResourceQuota): ResourceQuota => {
    const used = parseAmounts(current.status?.used);
    const hard = parseAmounts(current.status?.hard);
    const next = addAmounts(used, asked);
    const exceeded = [...asked.keys()].filter((name) => next.get(name)?.compare(hard.get(name) ?? Quantity.zero) === 1);
    if (exceeded.length > 0) {
      const list = (amounts: Amounts) => pretty(amounts, exceeded);
      const numbers = `requested: ${list(asked)}, used: ${list(used)}, limited: ${list(hard)}`;
      throw refuse(request, `exceeded quota: ${current.metadata.name}, ${numbers}`);
    }
    const text = Object.fromEntries([...next].map(([name, amount]) => [name, amount.toString()]));
    return { ...current, status: { ...current.status, used: text } };
  };
  if (request.dryRun) charged(quota);
  else await server.update(coreV1.ResourceQuota, request.namespace, quota.metadata.name, charged, ctx);
}

function pretty(amounts: Amounts, names: readonly string[]): string {
  return [...names]
    .sort()
    .map((name) => `${name}=${amounts.get(name) ?? Quantity.zero}`)
    .join(',');
}

function checkConstraints(request: AdmissionRequest, { metadata, status }: ResourceQuota): void {
  const needed = MUST_ASK.filter((name) => Object.hasOwn(status?.hard ?? {}, name));
  const { spec } = podOf(request);
  if (needed.length === 0 || Object.keys({ ...spec.resources?.requests, ...spec.resources?.limits }).length > 0) return;
  const missing = needed
    .map((name) => [name, containersWithout(spec, name)] as const)
    .filter(([, names]) => names.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (missing.length === 0) return;
  const list = missing.map(([name, names]) => `${name} for: ${names.join(',')}`).join('; ');
  throw refuse(request, `failed quota: ${metadata.name}: must specify ${list}`);
}

function containersWithout(spec: Pod['spec'], quotaName: string): string[] {
  const part = quotaName.startsWith('limits.') ? 'limits' : 'requests';
  const name = quotaName.replace(/^(?:limits|requests)\./, '');
  return [...spec.containers, ...(spec.initContainers ?? [])]
    .filter(({ resources }) => !Object.hasOwn(resources?.[part] ?? {}, name))
    .map((container) => container.name)
    .sort();
}
