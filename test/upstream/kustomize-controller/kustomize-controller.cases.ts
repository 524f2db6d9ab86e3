/** What Flux does with what is in a repository. */
import assert from 'node:assert/strict';
import { eventually } from '../../support/cluster.ts';
import type { Case } from '../support/cases.ts';
import type { Kubectl, Manifest } from '../support/commands.ts';
import type { BackgroundProcess } from '../support/processes.ts';
import type { Artifacts } from './artifacts.ts';

export interface FluxContext {
  readonly kubectl: Kubectl;
  readonly artifacts: Artifacts;
  readonly controller: BackgroundProcess;
  /** Port of its health endpoint. */
  readonly health: number;
}

type FluxCase = Case<FluxContext>;

const kustomization = (name: string, more: object = {}) => ({
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name, namespace: 'flux-system' },
  spec: {
    interval: '10m',
    retryInterval: '3s',
    timeout: '20s',
    path: './',
    prune: true,
    targetNamespace: 'default',
    sourceRef: { kind: 'GitRepository', name },
    ...more,
  },
});

const configMap = (name: string, data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });

const deployment = (name: string, more: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'registry.example.com/main:1' }], ...more },
    },
  },
});

const READY = 'wait -n flux-system --for condition=Ready --timeout 60s kustomization';

const applies: FluxCase = {
  name: 'is ready, and applies a repository until its workloads are ready',
  async run({ kubectl, artifacts, controller, health }) {
    await eventually('it is ready', async () => {
      await controller.check();
      return (await fetch(`http://127.0.0.1:${health}/readyz`)).ok;
    });
    await artifacts.publish('shop', deployment('shop'), configMap('settings', { color: 'blue' }), configMap('old', {}));
    await kubectl.apply(kustomization('shop', { wait: true }));
    await kubectl(`${READY} shop`);
    const { status } = await kubectl.get('deployment shop');
    assert.equal(status?.['readyReplicas'], 2);
    const { metadata } = await kubectl.get('configmap settings');
    assert.equal(metadata.labels?.['kustomize.toolkit.fluxcd.io/name'], 'shop');
    const found = await kubectl.get('kustomization shop -n flux-system');
    const inventory = JSON.stringify(found.status?.['inventory']);
    for (const id of ['default_shop_apps_Deployment', 'default_settings__ConfigMap']) assert.ok(inventory.includes(id));
  },
};

const changes: FluxCase = {
  name: 'a new revision changes what changed and prunes what went',
  async run({ kubectl, artifacts }) {
    await artifacts.publish('shop', deployment('shop'), configMap('settings', { color: 'red' }));
    await eventually('it is changed', async () => (await kubectl.get('configmap settings')).data?.['color'] === 'red');
    await kubectl('wait --for delete configmap old --timeout 30s');
  },
};

const drift: FluxCase = {
  name: 'what somebody changed or deleted is put right on request',
  async run({ kubectl }) {
    await kubectl(`patch configmap settings --type merge -p '{"data":{"color":"green","own":"kept?"}}'`);
    await kubectl('delete deployment shop --timeout 20s');
    const at = new Date().toISOString();
    await kubectl(`annotate kustomization shop -n flux-system --overwrite reconcile.fluxcd.io/requestedAt=${at}`);
    await eventually('the request is handled', async () => {
      const { status } = await kubectl.get('kustomization shop -n flux-system');
      return status?.['lastHandledReconcileAt'] === at;
    });
    await kubectl(`${READY} shop`);
    const { data } = await kubectl.get('configmap settings');
    assert.deepEqual(data, { color: 'red' }, 'fields that kubectl owned are taken over and go');
    await kubectl('rollout status deployment shop --timeout 20s');
  },
};

const substitutes: FluxCase = {
  name: 'variables are substituted, patches and images are applied',
  async run({ kubectl, artifacts }) {
    await kubectl.apply({
      ...configMap('variables', { city: 'Vienna' }),
      metadata: { name: 'variables', namespace: 'flux-system' },
    });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Flux reads it.
    await artifacts.publish('vars', configMap('place', { city: '${city}' }), deployment('imaged'));
    await kubectl.apply(
      kustomization('vars', {
        postBuild: { substituteFrom: [{ kind: 'ConfigMap', name: 'variables' }] },
        images: [{ name: 'registry.example.com/main', newTag: '9' }],
        patches: [{ patch: '[{"op":"replace","path":"/spec/replicas","value":1}]', target: { kind: 'Deployment' } }],
      }),
    );
    await kubectl(`${READY} vars`);
    assert.deepEqual((await kubectl.get('configmap place')).data, { city: 'Vienna' });
    const { spec } = await kubectl.get('deployment imaged');
    assert.equal(spec?.['replicas'], 1);
    assert.match(JSON.stringify(spec), /registry\.example\.com\/main:9/);
  },
};

const waits: FluxCase = {
  name: 'one that depends on another waits for it; one whose workloads do not get ready says so',
  async run({ kubectl, artifacts }) {
    await artifacts.publish('base', deployment('never', { nodeSelector: { 'no-such': 'node' } }));
    await artifacts.publish('above', configMap('above', {}));
    await kubectl.apply(
      kustomization('above', { dependsOn: [{ name: 'base' }] }),
      kustomization('base', { wait: true, timeout: '4s' }),
    );
    const why = async (name: string) => {
      const { status } = await kubectl.get(`kustomization ${name} -n flux-system`);
      const ready = status?.conditions?.find(({ type }) => type === 'Ready') as { reason?: string } | undefined;
      return ready?.reason;
    };
    await eventually('the health check failed', async () => (await why('base')) === 'HealthCheckFailed');
    await eventually('it waits', async () => (await why('above')) === 'DependencyNotReady');
    await artifacts.publish('base', deployment('never'));
    await kubectl(`${READY} base above`);
  },
};

const refused: FluxCase = {
  name: 'what the server refuses is told with its field, and nothing is applied',
  async run({ kubectl, artifacts }) {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'bad' },
      spec: { ports: [{ port: 70_000 }] },
    };
    await artifacts.publish('bad', configMap('beside', {}), service);
    await kubectl.apply(kustomization('bad'));
    await kubectl('wait -n flux-system --for condition=Ready=False --timeout 30s kustomization bad');
    const { status } = await kubectl.get('kustomization bad -n flux-system');
    const message = status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
    assert.match(message, /Service\/default\/bad dry-run failed.*spec\.ports\[0\]\.port: Invalid value: 70000/s);
    await assert.rejects(kubectl('get configmap beside'), /NotFound/);
  },
};

const goes: FluxCase = {
  name: 'what it applied goes with it',
  async run({ kubectl }) {
    await kubectl('delete kustomization -n flux-system --all --timeout 60s');
    const { items } = await kubectl.get<{ items: readonly Manifest[] }>('deployments,configmaps -n default');
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name).filter((name) => name !== 'kube-root-ca.crt'),
      [],
    );
  },
};

export const KUSTOMIZE_CASES = [applies, changes, drift, substitutes, waits, refused, goes];
