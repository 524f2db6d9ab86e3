/** What users of the simulated cluster do. Each step is tried until it is done, as a person would. */
import { appsV1, batchV1, coreV1, type KindRef, policyV1, type UnknownObject } from '@kapella/api';
import { isReason, sleep } from '@kapella/base';
import type { Step } from './plan.ts';
import type { World } from './world.ts';

const ATTEMPTS_MAX = 120;
const RETRY_MS = 1_000;

type Op = (step: Step, world: World) => Promise<void>;

export function runStep(step: Step, world: World): void {
  const op = OPS[step.op];
  if (op === undefined) throw new Error(`no operation ${step.op}; there are ${Object.keys(OPS).join(', ')}`);
  world.log(`step ${JSON.stringify(step)}`);
  tryUntilDone(op, step, world).catch((error: unknown) => {
    if (!world.ctx.signal.aborted) world.violate('user-is-served', `${JSON.stringify(step)}: ${error}`);
  });
}

async function tryUntilDone(op: Op, step: Step, world: World): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await op(step, world);
    } catch (error) {
      if (world.ctx.signal.aborted) return;
      if (attempt >= ATTEMPTS_MAX) throw error;
      await sleep(RETRY_MS, world.ctx);
    }
  }
}

const text = (value: Step[string] | undefined, fallback = '') => String(value ?? fallback);
const namespaceOf = (step: Step) => text(step['namespace'], 'default');
const metadataOf = (step: Step) => ({ namespace: namespaceOf(step), name: text(step['name']) });

interface Applied {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

async function apply(kind: KindRef<unknown>, object: Applied, world: World): Promise<void> {
  const options = { fieldManager: 'user', force: true };
  await world.client.patch(kind, object, { type: 'apply', body: object }, world.ctx, options);
}

const containers = (step: Step) => [
  { name: 'main', image: text(step['image'], 'img:1'), resources: { requests: { cpu: text(step['cpu'], '100m') } } },
];
const template = (step: Step, extra: object = {}) => ({
  metadata: { labels: { app: text(step['name']) } },
  spec: { terminationGracePeriodSeconds: 5, containers: containers(step), ...extra },
});
const selector = (step: Step) => ({ matchLabels: { app: text(step['name']) } });

const OPS: Readonly<Record<string, Op>> = {
  async deployment(step, world) {
    const { maxSurge = 1, maxUnavailable = 0 } = step;
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
    const spec = { replicas: step['replicas'], selector: selector(step), strategy, template: template(step) };
    await apply(appsV1.Deployment, { metadata: metadataOf(step), spec }, world);
  },
  async statefulset(step, world) {
    const spec = {
      ...{ replicas: step['replicas'], selector: selector(step), serviceName: text(step['name']) },
      podManagementPolicy: text(step['policy'], 'OrderedReady'),
      template: template(step),
    };
    await apply(appsV1.StatefulSet, { metadata: metadataOf(step), spec }, world);
  },
  async job(step, world) {
    const spec = {
      ...{ completions: step['completions'], parallelism: step['parallelism'], completionMode: 'Indexed' },
      template: template(step, { restartPolicy: 'Never' }),
    };
    await apply(batchV1.Job, { metadata: metadataOf(step), spec }, world);
  },
  async cronjob(step, world) {
    const jobTemplate = { spec: { template: template(step, { restartPolicy: 'Never' }) } };
    const spec = { schedule: text(step['schedule']), jobTemplate, successfulJobsHistoryLimit: 1 };
    await apply(batchV1.CronJob, { metadata: metadataOf(step), spec }, world);
  },
  async budget(step, world) {
    const spec = { minAvailable: step['minAvailable'], selector: selector(step) };
    await apply(policyV1.PodDisruptionBudget, { metadata: metadataOf(step), spec }, world);
  },
  async service(step, world) {
    const spec = { selector: { app: text(step['name']) }, ports: [{ port: 80 }] };
    await apply(coreV1.Service, { metadata: metadataOf(step), spec }, world);
  },
  async namespace(step, world) {
    await apply(coreV1.Namespace, { metadata: { name: text(step['name']) } }, world);
  },
  async quota(step, world) {
    await apply(
      coreV1.ResourceQuota,
      { metadata: metadataOf(step), spec: { hard: { pods: text(step['pods']) } } },
      world,
    );
  },
  async configmap(step, world) {
    await apply(coreV1.ConfigMap, { metadata: metadataOf(step), data: { value: text(step['value']) } }, world);
  },
  /** Evicts one Pod of an app; a budget that forbids it is an answer. */
  async evict(step, world) {
    const { items } = await world.client.list(
      coreV1.Pod,
      { namespace: namespaceOf(step), labelSelector: `app=${step['name']}` },
      world.ctx,
    );
    const pod = items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (pod === undefined) return;
    const { name, namespace } = pod.metadata;
    world.note('eviction');
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    await world.client.createSubresource(coreV1.Pod, pod, 'eviction', body, world.ctx).catch((error: unknown) => {
      if (!isReason(error, 'TooManyRequests', 'NotFound')) throw error;
    });
  },
  async delete(step, world) {
    const kind = KINDS[text(step['kind'])];
    if (kind === undefined) throw new Error(`no kind ${step['kind']} to delete`);
    const propagationPolicy = text(step['policy'], 'Background') as 'Background';
    await world.client.delete(kind, metadataOf(step), world.ctx, { propagationPolicy }).catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error;
    });
  },
};

const KINDS: Readonly<Record<string, KindRef<UnknownObject>>> = {
  Deployment: appsV1.Deployment as KindRef<UnknownObject>,
  StatefulSet: appsV1.StatefulSet as KindRef<UnknownObject>,
  Job: batchV1.Job as KindRef<UnknownObject>,
  CronJob: batchV1.CronJob as KindRef<UnknownObject>,
  Namespace: coreV1.Namespace as KindRef<UnknownObject>,
  ConfigMap: coreV1.ConfigMap as KindRef<UnknownObject>,
  Pod: coreV1.Pod as KindRef<UnknownObject>,
};
