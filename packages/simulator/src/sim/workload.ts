/** What users of the simulated cluster do. Each step is tried until it is done, as a person would. */
import { appsV1, autoscalingV2, batchV1, coreV1, type KindRef, policyV1, type UnknownObject } from '@kapella/api';
import { isReason, sleep } from '@kapella/base';
import type { Step } from './plan.ts';
import { apply, metadataOf, namespaceOf, type Op, selector, template, text } from './step-tools.ts';
import { storageOps } from './storage.ts';
import type { World } from './world.ts';

const ATTEMPTS_MAX = 120;
const RETRY_MS = 1_000;

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

const OPS: Readonly<Record<string, Op>> = {
  ...storageOps,
  async deployment(step, world) {
    const { maxSurge = 1, maxUnavailable = 0 } = step;
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
    const size = step['replicas'] === undefined ? {} : { replicas: step['replicas'] };
    const limit = step['history'] === undefined ? {} : { revisionHistoryLimit: step['history'] };
    const spec = { ...size, ...limit, selector: selector(step), strategy, template: template(step) };
    await apply(appsV1.Deployment, { metadata: metadataOf(step), spec }, world);
  },
  async statefulset(step, world) {
    const { class: storageClassName } = step;
    const resources = { requests: { storage: '1Gi' } };
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources },
    };
    const spec = {
      ...{ replicas: step['replicas'], selector: selector(step), serviceName: text(step['name']) },
      podManagementPolicy: text(step['policy'], 'OrderedReady'),
      template: template(step),
      ...(storageClassName !== undefined && { volumeClaimTemplates: [claim] }),
    };
    await apply(appsV1.StatefulSet, { metadata: metadataOf(step), spec }, world);
  },
  async job(step, world) {
    const spec = {
      ...{ completions: step['completions'], parallelism: step['parallelism'], completionMode: 'Indexed' },
      ...(step['ttl'] !== undefined && { ttlSecondsAfterFinished: step['ttl'] }),
      template: template(step, { restartPolicy: 'Never' }),
    };
    await apply(batchV1.Job, { metadata: metadataOf(step), spec }, world);
  },
  async cronjob(step, world) {
    const jobTemplate = { spec: { template: template(step, { restartPolicy: 'Never' }) } };
    const spec = { schedule: text(step['schedule']), jobTemplate, successfulJobsHistoryLimit: 1 };
    await apply(batchV1.CronJob, { metadata: metadataOf(step), spec }, world);
  },
  async daemonset(step, world) {
    await apply(
      appsV1.DaemonSet,
      { metadata: metadataOf(step), spec: { selector: selector(step), template: template(step) } },
      world,
    );
  },
  /** For the Deployment of the same name; `cpuMilli` is what each Pod asks for, half of it is aimed at. */
  async autoscaler(step, world) {
    const metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
    ];
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: text(step['name']) };
    const behavior = { scaleDown: { stabilizationWindowSeconds: 0 } };
    const spec = { scaleTargetRef, minReplicas: step['min'], maxReplicas: step['max'], metrics, behavior };
    await apply(autoscalingV2.HorizontalPodAutoscaler, { metadata: metadataOf(step), spec }, world);
  },
  /** From now on all Pods of an app share so much work. */
  async load(step, world) {
    world.loads.set(text(step['name']), Number(step['cpuMilli']));
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
  /** Evicts one Pod of an app (`index`: which); a budget that forbids it is an answer. */
  async evict(step, world) {
    const { items } = await world.client.list(
      coreV1.Pod,
      { namespace: namespaceOf(step), labelSelector: `app=${step['name']}` },
      world.ctx,
    );
    const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const pod = staying[Number(step['index'] ?? 0) % staying.length];
    if (pod === undefined) return;
    const { name, namespace } = pod.metadata;
    world.note('eviction');
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    await world.client.createSubresource(coreV1.Pod, pod, 'eviction', body, world.ctx).catch((error: unknown) => {
      if (!isReason(error, 'TooManyRequests', 'NotFound')) throw error;
    });
  },
  /** Deletes one Pod of an app. */
  async 'delete-one'(step, world) {
    const options = { namespace: namespaceOf(step), labelSelector: `app=${step['name']}` };
    const { items } = await world.client.list(coreV1.Pod, options, world.ctx);
    const pod = items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (pod === undefined) return;
    world.note('eviction');
    await world.client.delete(coreV1.Pod, pod, world.ctx).catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error;
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
  DaemonSet: appsV1.DaemonSet as KindRef<UnknownObject>,
  StatefulSet: appsV1.StatefulSet as KindRef<UnknownObject>,
  Job: batchV1.Job as KindRef<UnknownObject>,
  CronJob: batchV1.CronJob as KindRef<UnknownObject>,
  Namespace: coreV1.Namespace as KindRef<UnknownObject>,
  ConfigMap: coreV1.ConfigMap as KindRef<UnknownObject>,
  Pod: coreV1.Pod as KindRef<UnknownObject>,
  PersistentVolumeClaim: coreV1.PersistentVolumeClaim as KindRef<UnknownObject>,
};
