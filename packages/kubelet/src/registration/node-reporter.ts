/** Registers the node and keeps its object and lease fresh. Source: kubernetes pkg/kubelet/kubelet_node_status.go. */
import { coordinationV1, coreV1 } from '@kapella/api';
import type { Node, NodeStatus } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, formatMicroTime, formatTime, isReason, jsonEqual, sleep } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import type { Cri, CriImage } from '../cri/cri.ts';
import type { NodeAmounts } from './allocatable.ts';
import { createNudge } from './nudge.ts';
import { createInUseReport } from '../csi/in-use-report.ts';
import type { VolumesInUse } from '../csi/volumes-in-use.ts';
import {
  type MachineFacts,
  newNode,
  type NodeIdentity,
  nodeStatus,
  type RuntimeView,
  withoutHeartbeats,
} from './node-object.ts';

const NOT_READY_CHECK_MS = 250;
const IMAGES_MS = 60_000;
const RETRY_MS = 500;
const RETRY_MS_MAX = 7000;
const LEASE_NAMESPACE = 'kube-node-lease';

export interface NodeReporterDeps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly cri: Cri;
  readonly identity: NodeIdentity;
  readonly machine: MachineFacts;
  amounts(): NodeAmounts;
  /** What the node is short of. Default: nothing. */
  pressures?(): ReadonlySet<string>;
  /** Volumes that must not be detached; reported as soon as one comes or goes. */
  readonly volumesInUse?: VolumesInUse;
  /** Milliseconds, and seconds of the lease. Default: upstream's. */
  readonly rhythm?: ReportRhythm;
  /** The machine goes down. */
  isShuttingDown?(): boolean;
  /** false: only the object and its lease are kept; someone else writes the status. */
  readonly reportsStatus?: boolean;
}

export interface ReportRhythm {
  /** Between two looks. */
  readonly lookMs: number;
  /** Longest time without a report. */
  readonly reportMs: number;
  readonly leaseSeconds: number;
  readonly imagesMax: number;
}

const UPSTREAM_RHYTHM: ReportRhythm = { lookMs: 10_000, reportMs: 300_000, leaseSeconds: 40, imagesMax: 50 };

export interface NodeReporter {
  /** Creates or takes over the Node object, retrying until the API answers. */
  register(ctx: Ctx): Promise<Node>;
  /** Looks at once, not at the next turn. */
  poke(): void;
  /** Status and lease until `ctx` aborts. */
  run(ctx: Ctx): Promise<void>;
}

export function createNodeReporter(deps: NodeReporterDeps): NodeReporter {
  const { client, identity, machine, rhythm = UPSTREAM_RHYTHM } = deps;
  let reported: NodeStatus | undefined;
  let reportedAtMs = 0;
  const nudge = createNudge();
  const inUse = createInUseReport(deps.volumesInUse, () => nudge.poke());

  const runtimeView = createRuntimeView(deps.cri);

  const compute = async (ctx: Ctx): Promise<NodeStatus> => {
    const runtime = await runtimeView(ctx);
    const now = formatTime(ctx.clock.nowMs());
    const pressures = deps.pressures?.() ?? new Set<string>();
    const { imagesMax } = rhythm;
    const view = { identity, machine, pressures, amounts: deps.amounts(), runtime, previous: reported, now, imagesMax };
    return nodeStatus({ ...view, isShuttingDown: deps.isShuttingDown?.() ?? false });
  };

  const report = async (ctx: Ctx): Promise<void> => {
    const status = await compute(ctx);
    const due = ctx.clock.monotonicMs() - reportedAtMs >= rhythm.reportMs;
    const isSame = reported !== undefined && jsonEqual(withoutHeartbeats(status), withoutHeartbeats(reported));
    if (!due && isSame && !inUse.changed()) return;
    recordChanges(deps, reported, status);
    const used = inUse.fields();
    const body = { status: { ...status, ...used, addresses: [{ $patch: 'replace' }, ...(status.addresses ?? [])] } };
    await client.patch(coreV1.Node, { name: identity.name }, { type: 'strategic', body }, ctx, {
      subresource: 'status',
    });
    inUse.written(used);
    reported = status;
    reportedAtMs = ctx.clock.monotonicMs();
  };

  return {
    async register(ctx) {
      const node = await retry('node registration', ctx, async () => {
        const status = await compute(ctx);
        try {
          const shown = deps.reportsStatus === false ? {} : status;
          const created = await client.create(coreV1.Node, newNode(identity, machine, shown), ctx);
          reported = status;
          return created;
        } catch (error) {
          if (!isReason(error, 'AlreadyExists')) throw error;
          const existing = await client.get(coreV1.Node, { name: identity.name }, ctx);
          if (existing === undefined) throw error;
          reported = existing.status;
          inUse.adopt(existing);
          return await updateLabels(client, existing, newNode(identity, machine, status).metadata.labels ?? {}, ctx);
        }
      });
      if (deps.reportsStatus !== false) await retry('node status', ctx, () => report(ctx));
      return node;
    },
    poke: () => nudge.poke(),
    async run(ctx) {
      const isReady = () => reported?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
      const statusLoop = async () => {
        while (!ctx.signal.aborted) {
          await nudge.wait(isReady() ? rhythm.lookMs : NOT_READY_CHECK_MS, ctx);
          if (ctx.signal.aborted) return;
          await report(ctx).catch((error: unknown) => {
            if (isReason(error, 'NotFound')) reported = undefined;
            ctx.log.warn('node status not written', { error: describeError(error) });
          });
        }
      };
      const leases = leaseLoop(client, identity.name, rhythm.leaseSeconds, ctx);
      await Promise.all(deps.reportsStatus === false ? [leases] : [statusLoop(), leases]);
    },
  };
}

/** The runtime as it answers; the list of images, which is long, only now and then. */
function createRuntimeView(cri: Cri): (ctx: Ctx) => Promise<RuntimeView> {
  let images: readonly CriImage[] = [];
  let imagesAtMs = Number.NEGATIVE_INFINITY;
  return async (ctx) => {
    try {
      const [version, status] = await Promise.all([cri.version(ctx), cri.status(ctx)]);
      if (ctx.clock.monotonicMs() - imagesAtMs > IMAGES_MS) {
        images = await cri.listImages(ctx);
        imagesAtMs = ctx.clock.monotonicMs();
      }
      return { version, status, images, error: '' };
    } catch (error) {
      return { version: undefined, status: undefined, images, error: describeError(error) };
    }
  };
}

/** Labels that the agent owns follow the machine; all others stay. */
async function updateLabels(
  client: Client,
  node: Node,
  labels: Readonly<Record<string, string>>,
  ctx: Ctx,
): Promise<Node> {
  const present = node.metadata.labels ?? {};
  if (Object.entries(labels).every(([key, value]) => present[key] === value)) return node;
  const body = { metadata: { labels } };
  return await client.patch(coreV1.Node, { name: node.metadata.name }, { type: 'strategic', body }, ctx);
}

async function retry<T>(what: string, ctx: Ctx, call: () => Promise<T>): Promise<T> {
  for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
    try {
      return await call();
    } catch (error) {
      ctx.signal.throwIfAborted();
      ctx.log.warn(`${what} failed`, { retryMs: pauseMs, error: describeError(error) });
      await sleep(pauseMs, ctx);
    }
  }
}

const CHANGE_EVENTS: Readonly<Record<string, readonly [string, string]>> = {
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
  Ready: ['NodeReady', 'NodeNotReady'],
};

function recordChanges(
  { recorder, identity }: NodeReporterDeps,
  before: NodeStatus | undefined,
  after: NodeStatus,
): void {
  for (const { type, status } of after.conditions ?? []) {
    const old = before?.conditions?.find((condition) => condition.type === type)?.status;
    const names = Object.hasOwn(CHANGE_EVENTS, type) ? CHANGE_EVENTS[type] : undefined;
    if (names === undefined || old === status || (type === 'Ready' && old === undefined && status !== 'True')) continue;
    const reason = status === 'True' ? names[0] : names[1];
    recorder.event(nodeSubject(identity.name), 'Normal', reason, `Node ${identity.name} status is now: ${reason}`);
  }
}

/** Events about nodes carry the node's name as uid, as upstream's. */
export const nodeSubject = (name: string) => ({ kind: 'Node', apiVersion: 'v1', metadata: { name, uid: name } });

async function leaseLoop(client: Client, name: string, seconds: number, ctx: Ctx): Promise<void> {
  let lease: Awaited<ReturnType<typeof renew>> | undefined;
  while (!ctx.signal.aborted) {
    try {
      lease = await renew(client, name, seconds, lease, ctx);
    } catch (error) {
      lease = undefined;
      if (!ctx.signal.aborted) ctx.log.warn('node lease not renewed', { error: describeError(error) });
    }
    // A quarter of it, so that a request or two may fail.
    await sleep(lease === undefined ? 1000 : seconds * 250, ctx).catch(() => {});
  }
}

type Lease = NonNullable<(typeof coordinationV1.Lease)['__type']>;

async function renew(
  client: Client,
  name: string,
  seconds: number,
  known: Lease | undefined,
  ctx: Ctx,
): Promise<Lease> {
  const id = { namespace: LEASE_NAMESPACE, name };
  const spec = {
    holderIdentity: name,
    leaseDurationSeconds: seconds,
    renewTime: formatMicroTime(ctx.clock.nowMs()),
  };
  const lease = known ?? (await client.get(coordinationV1.Lease, id, ctx));
  if (lease !== undefined)
    return await client.update(coordinationV1.Lease, { ...lease, spec: { ...lease.spec, ...spec } }, ctx);
  const node = await client.get(coreV1.Node, { name }, ctx);
  const uid = node?.metadata.uid;
  const ownerReferences = uid === undefined ? [] : [{ apiVersion: 'v1', kind: 'Node', name, uid }];
  return await client.create(coordinationV1.Lease, { metadata: { ...id, ownerReferences }, spec }, ctx);
}
