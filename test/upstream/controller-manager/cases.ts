/** What a cluster's users expect of its controllers, whoever wrote them. */
import type { Case } from '../support/cases.ts';
import type { Kubectl } from '../support/commands.ts';
import { eventually, type Kind, names, type Obj, workload } from './objects.ts';

export interface ManagerContext {
  readonly kubectl: Kubectl;
  /** Of hollow nodes. */
  readonly nodes: number;
}

const rollout = (kubectl: Kubectl, of: string) => kubectl(`rollout status ${of} --timeout=120s`);

export const cases: readonly Case<ManagerContext>[] = [
  {
    name: 'a Deployment rolls out, keeps its history, and is rolled back',
    async run({ kubectl }) {
      await kubectl.apply(workload('Deployment', 'web', { replicas: 4 }));
      await rollout(kubectl, 'deployment/web');
      await kubectl('set image deployment/web c=registry.example/two');
      await rollout(kubectl, 'deployment/web');
      const history = await kubectl('rollout history deployment/web');
      if (!/^1 /m.test(history) || !/^2 /m.test(history)) throw new Error(`no two revisions: ${history}`);
      await kubectl('rollout undo deployment/web');
      await rollout(kubectl, 'deployment/web');
      const { items } = await kubectl.get<{ items: Obj[] }>('replicasets -l app=web');
      const counts = items.map(({ spec }) => spec?.['replicas']).sort();
      if (counts.join() !== '0,4') throw new Error(`replicas of the two ReplicaSets: ${counts}`);
      await kubectl('delete deployment web --timeout=60s');
      await eventually('its Pods are gone', async () => (await names(kubectl, 'pods -l app=web')).length === 0);
    },
  },
  {
    name: 'a StatefulSet makes its Pods in order and takes the last away first',
    async run({ kubectl }) {
      await kubectl.apply(workload('StatefulSet', 'db', { replicas: 3, serviceName: 'db' }));
      await rollout(kubectl, 'statefulset/db');
      if ((await names(kubectl, 'pods -l app=db')).join() !== 'db-0,db-1,db-2')
        throw new Error('other Pods than three');
      await kubectl('scale statefulset db --replicas=1');
      await eventually('one is left', async () => (await names(kubectl, 'pods -l app=db')).join() === 'db-0');
      await kubectl('delete statefulset db --timeout=60s');
    },
  },
  {
    name: 'a DaemonSet has a Pod on every node, and rolls',
    async run({ kubectl, nodes }) {
      await kubectl.apply(workload('DaemonSet', 'agent', {}));
      await rollout(kubectl, 'daemonset/agent');
      const { items } = await kubectl.get<{ items: Obj[] }>('pods -l app=agent');
      const on = new Set(items.map(({ spec }) => spec?.['nodeName']));
      if (on.size !== nodes) throw new Error(`on ${on.size} of ${nodes} nodes`);
      await kubectl('set image daemonset/agent c=registry.example/two');
      await rollout(kubectl, 'daemonset/agent');
      await kubectl('delete daemonset agent --timeout=60s');
    },
  },
  {
    name: 'a Job completes, by index and with its finalizers gone',
    async run({ kubectl }) {
      await kubectl.apply(workload('Job', 'sum', { completions: 3, parallelism: 2, completionMode: 'Indexed' }));
      await kubectl('wait job/sum --for=condition=Complete --timeout=120s');
      const { status } = await kubectl.get('job sum');
      const { succeeded, completedIndexes } = status ?? {};
      if (succeeded !== 3 || completedIndexes !== '0-2') throw new Error(JSON.stringify(status));
      await kubectl('delete job sum --timeout=60s');
    },
  },
  {
    name: 'a CronJob makes a Job when its minute comes',
    async run({ kubectl }) {
      const template = workload('Job', 'tick', {});
      await kubectl.apply({
        ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tick', namespace: 'default' } },
        spec: { schedule: '* * * * *', jobTemplate: { spec: template.spec } },
      });
      await eventually('a Job of it completed', async () => {
        const { items } = await kubectl.get<{ items: Obj[] }>('jobs');
        return items.some(({ metadata, status }) => /^tick-\d+$/.test(metadata.name) && status?.['succeeded'] === 1);
      });
      await kubectl('delete cronjob tick --timeout=60s');
    },
  },
  {
    name: 'an autoscaler keeps to its bounds, and says that it has no metrics',
    async run({ kubectl }) {
      await kubectl.apply(workload('Deployment', 'auto', { replicas: 1 }));
      await rollout(kubectl, 'deployment/auto');
      await kubectl.apply({
        ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
        metadata: { name: 'auto', namespace: 'default' },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'auto' },
          ...{ minReplicas: 3, maxReplicas: 5 },
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
          ],
        },
      });
      await eventually('it is at the least', async () => {
        const { spec } = await kubectl.get('deployment auto');
        return spec?.['replicas'] === 3;
      });
      await eventually('it says what it lacks', async () => {
        const { status } = await kubectl.get<Obj>('hpa auto');
        return status?.conditions?.some(({ type, status: is }) => type === 'ScalingActive' && is === 'False') === true;
      });
      await kubectl('delete hpa,deployment auto --timeout=60s');
    },
  },
  {
    name: 'owners take what they own with them: in the background, in the foreground, not at all',
    async run({ kubectl }) {
      for (const how of ['background', 'foreground', 'orphan']) {
        await kubectl.apply(workload('ReplicaSet', 'owner', { replicas: 2 }));
        await eventually('its Pods run', async () => (await names(kubectl, 'pods -l app=owner')).length === 2);
        await kubectl(`delete replicaset owner --cascade=${how} --timeout=60s`);
        const left = how === 'orphan' ? 2 : 0;
        await eventually(`${left} are left`, async () => (await names(kubectl, 'pods -l app=owner')).length === left);
      }
      const { items } = await kubectl.get<{ items: Obj[] }>('pods -l app=owner');
      if (items.some(({ metadata }) => metadata.ownerReferences !== undefined))
        throw new Error('orphans name an owner');
      await kubectl('delete pods -l app=owner --timeout=60s');
    },
  },
  {
    name: 'a namespace comes with an account and the root CA, gives tokens, and goes with all that is in it',
    async run({ kubectl }) {
      await kubectl('create namespace short');
      await eventually('the account and the CA are there', async () => {
        const found = await names(kubectl, 'serviceaccounts,configmaps -n short');
        return found.includes('default') && found.includes('kube-root-ca.crt');
      });
      const token = (await kubectl('create token default -n short')).trim();
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
      const answer = await kubectl('create -f - -o json', { input: JSON.stringify(review) });
      if (!answer.includes('system:serviceaccount:short:default')) throw new Error(answer);
      await kubectl.apply({
        ...workload('Deployment', 'web', { replicas: 2 }),
        metadata: { name: 'web', namespace: 'short' },
      });
      await kubectl('delete namespace short --timeout=120s');
    },
  },
  {
    name: 'a quota counts what is there and keeps out what is too much',
    async run({ kubectl }) {
      await kubectl('create namespace tight');
      await kubectl('create quota q --hard=configmaps=2,pods=1 -n tight');
      await eventually('the root CA is counted', async () => {
        const { status } = await kubectl.get('quota q -n tight');
        return (status?.['used'] as { configmaps?: string } | undefined)?.configmaps === '1';
      });
      await kubectl('create configmap one -n tight');
      await eventually('another is kept out', async () => {
        const why = await kubectl('create configmap two -n tight').catch((error: Error) => error.message);
        if (!why.includes('exceeded quota: q')) await kubectl('delete configmap two -n tight --ignore-not-found');
        return why.includes('exceeded quota: q');
      });
      await kubectl('delete namespace tight --timeout=120s');
    },
  },
  {
    name: 'a disruption budget keeps Pods from being evicted',
    async run({ kubectl }) {
      await kubectl.apply(workload('Deployment', 'sure', { replicas: 2 }));
      await rollout(kubectl, 'deployment/sure');
      await kubectl('create poddisruptionbudget sure --selector=app=sure --min-available=2');
      await eventually('the budget is counted', async () => {
        const { status } = await kubectl.get('pdb sure');
        return status?.['currentHealthy'] === 2 && status['disruptionsAllowed'] === 0;
      });
      const [pod] = await names(kubectl, 'pods -l app=sure');
      const why = await kubectl(
        `drain --pod-selector=app=sure --force --timeout=3s ${await nodeOf(kubectl, pod)}`,
      ).then(
        () => '',
        (error: Error) => error.message,
      );
      if (!why.includes("violate the pod's disruption budget")) throw new Error(`the drain was let through: ${why}`);
      await kubectl(`uncordon ${await nodeOf(kubectl, pod)}`);
      await kubectl('delete pdb,deployment sure --timeout=60s');
    },
  },
  {
    name: 'a Service has its endpoints, and loses them with its Pods',
    async run({ kubectl }) {
      await kubectl.apply(workload('Deployment', 'shop', { replicas: 3 }));
      await kubectl('expose deployment shop --port=80');
      const addresses = async () => {
        const { items } = await kubectl.get<{ items: { endpoints?: unknown[] }[] }>(
          'endpointslices -l kubernetes.io/service-name=shop',
        );
        return items.flatMap(({ endpoints }) => endpoints ?? []).length;
      };
      await eventually('three endpoints', async () => (await addresses()) === 3);
      await kubectl('scale deployment shop --replicas=1');
      await eventually('one endpoint', async () => (await addresses()) === 1);
      await kubectl('delete service,deployment shop --timeout=60s');
    },
  },
  {
    name: 'nodes are given pieces of the Pod network and told how long they may keep Secrets',
    async run({ kubectl, nodes }) {
      await eventually('every node has both', async () => {
        const { items } = await kubectl.get<{ items: Obj[] }>('nodes');
        const cidrs = new Set(items.map(({ spec }) => spec?.['podCIDR']).filter(Boolean));
        return cidrs.size === nodes && items.every(({ metadata }) => metadata.annotations?.[TTL] === '0');
      });
    },
  },
];

const TTL = 'node.alpha.kubernetes.io/ttl';

async function nodeOf(kubectl: Kubectl, pod: string | undefined): Promise<string> {
  const { spec } = await kubectl.get(`pod ${pod}`);
  return String(spec?.['nodeName']);
}

/** Objects that live through a change of who controls them. */
export const LASTING: readonly (readonly [kind: Kind, name: string, spec: object])[] = [
  ['Deployment', 'lasting', { replicas: 3 }],
  ['StatefulSet', 'lasting-set', { replicas: 2, serviceName: 'x' }],
  ['DaemonSet', 'lasting-agent', {}],
];
