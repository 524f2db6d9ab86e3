/** Brings the bootstrap objects into a cluster, at every start: what is there and right costs one read of a cache. */
import { builtInKinds, type KindRef, type UnknownObject } from '@kapella/api';
import { type Ctx, describeError, invariant, isReason, sleep } from '@kapella/base';
import type { Client } from '@kapella/client';
import { ensureFlowControl } from './flow-control.ts';
import {
  apiService,
  type BootstrapFacts,
  clusterInfo,
  dnsObjects,
  extensionAuthentication,
  type Manifest,
  namespaces,
  priorityClasses,
  rbacObjects,
  storageObjects,
} from './objects.ts';
import { nodeSettingsObject } from '../node-join/rbac.ts';
import { planRbac } from './reconcile-rbac.ts';
import { ensureTokenTracking } from './token-tracking.ts';

/** Resolves when everything that clients count on is there. `client`: as system:masters. */
export async function bootstrapCluster(client: Client, facts: BootstrapFacts, ctx: Ctx): Promise<void> {
  await Promise.all(namespaces().map((manifest) => ensure(client, manifest, ctx)));
  const { service, endpoints } = apiService(facts);
  await Promise.all([
    ensureRbac(client, ctx),
    ensureFlowControl(client, ctx),
    ensureTokenTracking(client, ctx),
    ...priorityClasses().map((manifest) => ensure(client, manifest, ctx)),
    ensure(client, service, ctx),
    ...endpoints.map((manifest) => replace(client, manifest, ctx)),
    ...dnsObjects(facts).map((manifest) => ensure(client, manifest, ctx)),
    ...storageObjects(facts).map((manifest) => ensure(client, manifest, ctx)),
    replace(client, extensionAuthentication(facts), ctx),
    ...clusterInfo(facts).map((manifest) => ensure(client, manifest, ctx)),
    ...(facts.nodeSettings === undefined ? [] : [replace(client, nodeSettingsObject(facts.nodeSettings), ctx)]),
  ]);
}

const CHECK_MS = 10_000;

/**
 * Until ctx aborts: what no cluster can be without comes back when somebody deletes it (`kubectl delete service --all`
 * takes the API server's). Source: kubernetes pkg/controlplane/controller/{kubernetesservice,systemnamespaces}.
 */
export async function keepBootstrapped(client: Client, facts: BootstrapFacts, ctx: Ctx): Promise<void> {
  const { service, endpoints } = apiService(facts);
  for (;;) {
    await sleep(CHECK_MS, ctx).catch(() => {});
    if (ctx.signal.aborted) return;
    await ensureTokenTracking(client, ctx).catch((error: unknown) => {
      if (!ctx.signal.aborted) ctx.log.warn('token tracking not said again', { reason: describeError(error) });
    });
    for (const manifest of [...namespaces(), service, ...endpoints]) {
      await ensure(client, manifest, ctx).catch((error: unknown) => {
        if (!ctx.signal.aborted) ctx.log.warn('bootstrap object not made again', { reason: describeError(error) });
      });
    }
  }
}

function kindOf({ apiVersion, kind }: Manifest): KindRef<UnknownObject> {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const found = builtInKinds.find((ref) => ref.group === group && ref.version === version && ref.kind === kind);
  invariant(found !== undefined, `no kind ${apiVersion} ${kind}`);
  return found as KindRef<UnknownObject>;
}

/** Made when it is missing; otherwise left as the user has it. */
async function ensure(client: Client, manifest: Manifest, ctx: Ctx): Promise<void> {
  const kind = kindOf(manifest);
  if ((await client.get(kind, manifest, ctx)) !== undefined) return;
  await create(client, manifest, ctx);
}

async function create(client: Client, manifest: Manifest, ctx: Ctx): Promise<void> {
  try {
    await client.create(kindOf(manifest), manifest as never, ctx);
  } catch (error) {
    // Another server of the cluster was quicker.
    if (!isReason(error, 'AlreadyExists'))
      throw new Error(`${manifest.kind} ${manifest.metadata.name}: ${describeError(error)}`, { cause: error });
  }
}

/** Made or brought to just this content. */
async function replace(client: Client, manifest: Manifest, ctx: Ctx): Promise<void> {
  const kind = kindOf(manifest);
  const present = await client.get(kind, manifest, ctx);
  if (present === undefined) {
    await create(client, manifest, ctx);
    return;
  }
  const { apiVersion: _a, kind: _k, metadata, ...content } = manifest;
  if (Object.entries(content).every(([field, value]) => covers(present[field], value))) return;
  const labels = { ...present.metadata.labels, ...metadata.labels };
  await client.update(kind, { ...present, ...content, metadata: { ...present.metadata, labels } }, ctx);
}

/** Whether `present` has all that `wanted` says; defaults may have added more. */
function covers(present: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(present) && present.length === wanted.length && wanted.every((item, i) => covers(present[i], item))
    );
  }
  if (typeof wanted !== 'object' || wanted === null) return present === wanted;
  if (typeof present !== 'object' || present === null) return false;
  return Object.entries(wanted).every(([field, value]) => covers((present as Record<string, unknown>)[field], value));
}

/** Roles and bindings: missing ones are made, present ones regain what they lost unless the user forbade it. */
async function ensureRbac(client: Client, ctx: Ctx): Promise<void> {
  const wanted = rbacObjects();
  const known = new Map<string, UnknownObject>();
  for (const kind of new Map(wanted.map((manifest) => [manifest.kind, kindOf(manifest)])).values()) {
    for (const item of (await client.list(kind, {}, ctx)).items) known.set(idOf(kind.kind, item), item);
  }
  // All at once: the store makes writers that wait together durable by one fsync.
  await Promise.all(
    wanted.map((manifest) => {
      const present = known.get(idOf(manifest.kind, manifest));
      return present === undefined ? create(client, manifest, ctx) : repair(client, manifest, present, ctx);
    }),
  );
}

const idOf = (kind: string, { metadata }: { metadata: { name: string; namespace?: string } }) =>
  `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;

/** Another server of the cluster may be at the same work: then what it wrote is looked at again. */
async function repair(client: Client, manifest: Manifest, present: UnknownObject, ctx: Ctx): Promise<void> {
  const kind = kindOf(manifest);
  const plan = planRbac(present, manifest);
  if (plan.operation === 'none') return;
  try {
    if (plan.operation === 'update') await client.update(kind, plan.object, ctx);
    else {
      await client.delete(kind, manifest, ctx, { uid: present.metadata.uid });
      await create(client, manifest, ctx);
    }
  } catch (error) {
    if (!isReason(error, 'Conflict', 'NotFound')) throw error;
    const now = await client.get(kind, manifest, ctx);
    if (now === undefined) await create(client, manifest, ctx);
    else await repair(client, manifest, now, ctx);
  }
}
