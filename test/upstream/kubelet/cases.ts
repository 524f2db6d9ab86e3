/** What a node must do, whoever wrote its agent: each case runs on the node `own`. */
import assert from 'node:assert/strict';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { BUSYBOX } from '../../support/images.ts';
import type { Case } from '../support/cases.ts';

export interface NodeContext {
  readonly cluster: Pick<TestCluster, 'kubectl' | 'tryKubectl' | 'apply'>;
  /** The node that is judged. */
  readonly own: string;
  /** One beside it, which has an agent of another kind; absent: it is alone. */
  readonly other?: string;
}

const serve = (text: string) => `mkdir /w; echo ${text} > /w/index.html; echo started; exec httpd -f -p 8080 -h /w`;

const pod = (name: string, nodeName: string, spec: object = {}, container: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image: BUSYBOX, command: ['sh', '-c', serve(name)], ...container }],
    ...spec,
  },
});

async function gone({ cluster }: NodeContext, ...names: readonly string[]): Promise<void> {
  await cluster.kubectl(`delete pod ${names.join(' ')} --wait --timeout=60s`);
}

const readPod = async ({ cluster }: NodeContext, name: string) =>
  JSON.parse(await cluster.kubectl(`get pod ${name} -o json`)) as Pod;

export const NODE_CASES: readonly Case<NodeContext>[] = [
  {
    name: 'the node says who it is, renews its lease and has a certificate of the cluster',
    async run({ cluster, own }) {
      const node = JSON.parse(await cluster.kubectl(`get node ${own} -o json`)) as Node;
      assert.match(node.status?.nodeInfo?.kubeletVersion ?? '', /^v1\.36\./);
      assert.equal(node.spec.podCIDRs?.length, 1);
      assert.match(await cluster.kubectl(`get lease -n kube-node-lease ${own} -o jsonpath={.spec.renewTime}`), /^20/);
      const summary = JSON.parse(await cluster.kubectl(`get --raw /api/v1/nodes/${own}/proxy/stats/summary`));
      assert.equal(summary.node.nodeName, own);
    },
  },
  {
    name: 'logs, exec, copies and forwarded ports through the API server',
    async run(context) {
      const { cluster, own } = context;
      await cluster.apply(pod('streams', own));
      await cluster.kubectl('wait pod streams --for=condition=Ready --timeout=60s');
      assert.equal(await cluster.kubectl('logs streams'), 'started\n');
      assert.equal(await cluster.kubectl('exec -i streams -- cat', { input: 'there and back' }), 'there and back');
      assert.equal((await cluster.tryKubectl('exec streams -- sh -c "exit 7"')).code, 7);
      assert.equal(await cluster.kubectl('get --raw /api/v1/namespaces/default/pods/streams:8080/proxy/'), 'streams\n');
      await gone(context, 'streams');
    },
  },
  {
    name: 'Pods of both nodes reach each other by their own addresses',
    async run(context) {
      const { cluster, own, other = own } = context;
      await cluster.apply([pod('near', own), pod('far', other)]);
      await cluster.kubectl('wait pod near far --for=condition=Ready --timeout=60s');
      for (const [from, to] of [
        ['near', 'far'],
        ['far', 'near'],
      ] as const) {
        const { status } = await readPod(context, to);
        const fetch = `exec ${from} -- wget -q -O - -T 5 http://${status?.podIP}:8080/`;
        await eventually(`${from} reaches ${to}`, async () => (await cluster.kubectl(fetch)) === `${to}\n`);
      }
      await gone(context, 'near', 'far');
    },
  },
  {
    name: 'a probe that fails restarts the container, one that waits keeps it unready',
    async run(context) {
      const { cluster, own } = context;
      const probe = (command: string) => ({
        exec: { command: ['sh', '-c', command] },
        periodSeconds: 1,
        failureThreshold: 1,
      });
      const failing = { livenessProbe: { ...probe('test -e /w/missing'), initialDelaySeconds: 1 } };
      await cluster.apply([
        pod('restarts', own, {}, failing),
        pod('waits', own, {}, { readinessProbe: probe('test -e /w/ready') }),
      ]);
      await eventually(
        'it is restarted',
        async () => ((await readPod(context, 'restarts')).status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
        60_000,
      );
      await cluster.kubectl('wait pod waits --for=jsonpath={.status.phase}=Running --timeout=60s');
      assert.equal((await readPod(context, 'waits')).status?.containerStatuses?.[0]?.ready, false);
      await cluster.kubectl('exec waits -- touch /w/ready');
      await cluster.kubectl('wait pod waits --for=condition=Ready --timeout=60s');
      await gone(context, 'restarts', 'waits');
    },
  },
  {
    name: 'volumes: a ConfigMap that changes, a projected token, memory, a directory of the node, a subPath',
    async run(context) {
      const { cluster, own } = context;
      await cluster.kubectl(`create configmap vol --from-literal=key=one`);
      const volumes = [
        { name: 'config', configMap: { name: 'vol' } },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vol' } }] } },
        { name: 'host', hostPath: { path: '/etc', type: 'Directory' } },
        { name: 'scratch', emptyDir: {} },
      ];
      const mounts = [
        ...['config', 'memory', 'token', 'host'].map((name) => ({ name, mountPath: `/${name}` })),
        { name: 'scratch', mountPath: '/sub', subPath: 'a/b' },
      ];
      await cluster.apply(pod('volumes', own, { volumes }, { volumeMounts: mounts }));
      await cluster.kubectl('wait pod volumes --for=condition=Ready --timeout=60s');
      const inside = (command: string) => cluster.kubectl(`exec volumes -- sh -c "${command}"`);
      assert.equal(await inside('cat /config/key'), 'one');
      assert.match(await inside('cat /token/token'), /^eyJ/);
      assert.match(await inside('grep /memory /proc/mounts'), /tmpfs/);
      assert.match(await inside('head -c 4 /host/passwd'), /root/);
      await inside('touch /sub/file');
      await cluster.kubectl(`patch configmap vol -p '{"data":{"key":"two"}}'`);
      await eventually('the file changes', async () => (await inside('cat /config/key')) === 'two', 120_000);
      await gone(context, 'volumes');
      await cluster.kubectl('delete configmap vol');
    },
  },
  {
    name: 'init and sidecar containers in order, an exit code, a termination message, one restart policy each',
    async run(context) {
      const { cluster, own } = context;
      const step = (name: string, command: string, more: object = {}) => ({
        ...{ name, image: BUSYBOX, command: ['sh', '-c', command] },
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
        ...more,
      });
      const initContainers = [
        step('sidecar', 'echo s >> /v/order; trap "exit 0" TERM; while :; do sleep 1; done', {
          restartPolicy: 'Always',
        }),
        step('first', 'echo i >> /v/order'),
      ];
      const main = step('main', 'echo m >> /v/order; tr -d "\\\\n" < /v/order > /dev/termination-log; exit 3');
      const spec = {
        restartPolicy: 'Never',
        initContainers,
        containers: [main],
        volumes: [{ name: 'v', emptyDir: {} }],
      };
      await cluster.apply(pod('ordered', own, spec));
      await cluster.kubectl('wait pod ordered --for=jsonpath={.status.phase}=Failed --timeout=60s');
      const { status } = await readPod(context, 'ordered');
      const ended = status?.containerStatuses?.[0]?.state?.terminated;
      assert.deepEqual([ended?.exitCode, ended?.message, ended?.reason], [3, 'sim', 'Error']);
      await gone(context, 'ordered');
    },
  },
];
