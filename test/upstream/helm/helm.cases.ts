/** What Helm 3 and 4 do alike. */
import assert from 'node:assert/strict';
import type { Manifest } from '../support/commands.ts';
import { type Release, releaseCase } from './release.ts';

const INSTALL = 'CHART --create-namespace --wait --timeout 60s';

interface ListedRelease {
  readonly name: string;
  readonly revision: string;
  readonly status: string;
  readonly chart: string;
}

const install = ({ helm, name }: Release, more = '') => helm(`install ${name} ${INSTALL}${more}`);
const upgrade = ({ helm, name }: Release, more = '') => helm(`upgrade ${name} CHART --wait --timeout 60s${more}`);

async function status({ json, name }: Release): Promise<{ readonly revision: number; readonly status: string }> {
  const { version, info } = await json<{ version: number; info: { status: string } }>(`status ${name}`);
  return { revision: version, status: info.status };
}

async function names({ get }: Release, kinds: string): Promise<string[]> {
  const { items } = await get<{ items: readonly (Manifest & { kind: string })[] }>(kinds);
  return items.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();
}

const installs = releaseCase('install: waits until all is ready, and finds its own CRD', async (release) => {
  const { name, get } = release;
  const notes = await install(release);
  assert.match(notes, new RegExp(`${name} revision 1 says first`));
  assert.equal((await get(`deployment ${name}`)).status?.['readyReplicas'], 2);
  assert.equal((await get(`statefulset ${name}-db`)).status?.['readyReplicas'], 2);
  assert.equal((await get(`daemonset ${name}-agent`)).status?.['numberReady'], 2);
  const { data = {} } = await get(`configmap ${name}-config`);
  assert.match(data['kubeVersion'] ?? '', /^v1\.36\.\d+/);
  assert.equal(data['hasWidgets'], 'true');
  assert.equal(data['hasDeployments'], 'true');
  assert.equal(data['nothing'], 'true');
  assert.ok(Number(data['namespaces']) >= 4, `lookup saw ${data['namespaces']} namespaces`);
  assert.equal((await get(`widget ${name}`)).spec?.['size'], 3);
});

const hooksRun = releaseCase('hooks: by weight, with their delete policies', async (release) => {
  const { name, kubectl } = release;
  await install(release);
  const jobs = await names(release, 'jobs');
  assert.deepEqual(jobs, [`Job/${name}-post-install`], 'pre-install goes when it succeeded, post-install stays');
  const first = await kubectl(`get job ${name}-post-install -o jsonpath={.metadata.uid}`);
  await upgrade(release);
  assert.deepEqual(await names(release, 'jobs'), [
    `Job/${name}-post-install`,
    `Job/${name}-post-upgrade`,
    `Job/${name}-pre-upgrade`,
  ]);
  const before = await kubectl(`get job ${name}-pre-upgrade -o jsonpath={.metadata.uid}`);
  await upgrade(release);
  assert.notEqual(await kubectl(`get job ${name}-pre-upgrade -o jsonpath={.metadata.uid}`), before, 'made anew');
  assert.equal(await kubectl(`get job ${name}-post-install -o jsonpath={.metadata.uid}`), first);
  await kubectl(`get configmap ${name}-hook`);
});

const failingHook = releaseCase('hooks: one that fails ends the upgrade before anything changed', async (release) => {
  const { name, get, helmFails } = release;
  await install(release);
  const said = await helmFails(`upgrade ${name} CHART --timeout 60s --set hooks.fail=true,message=second`);
  assert.match(said, /pre-upgrade hooks failed/);
  assert.deepEqual(await status(release), { revision: 2, status: 'failed' });
  assert.equal((await get(`configmap ${name}-config`)).data?.['message'], 'first');
});

const upgrades = releaseCase(
  'upgrade: rolls out, keeps what lookup finds, removes what the chart no longer has',
  async (release) => {
    const { name, get, json } = release;
    await install(release, ' --set extra=true');
    const { data } = await get(`secret ${name}-password`);
    await upgrade(release, ' --set replicas=3,message=second');
    assert.deepEqual((await get(`secret ${name}-password`)).data, data);
    assert.equal((await get(`deployment ${name}`)).status?.['updatedReplicas'], 3);
    const maps = await names(release, 'configmaps');
    assert.ok(!maps.includes(`ConfigMap/${name}-extra`), 'removed with the chart');
    assert.ok(maps.includes(`ConfigMap/${name}-kept`), 'kept by its policy');
    const history = await json<{ revision: number; status: string; chart: string }[]>(`history ${name}`);
    assert.deepEqual(
      history.map((row) => [row.revision, row.status, row.chart]),
      [
        [1, 'superseded', 'demo-1.2.3'],
        [2, 'deployed', 'demo-1.2.3'],
      ],
    );
  },
);

const upgradeInstalls = releaseCase(
  'upgrade --install: installs first, changes nothing the second time',
  async (release) => {
    const { name, helm, kubectl, json } = release;
    const words = `upgrade ${name} ${INSTALL} --install --no-hooks --reuse-values --set message=kept`;
    await helm(words);
    const version = `get deployment ${name} -o jsonpath={.metadata.generation}`;
    const before = await kubectl(version);
    await helm(words.replace(' --set message=kept', ''));
    assert.equal(await kubectl(version), before);
    assert.deepEqual(await json(`get values ${name}`), { message: 'kept' });
    assert.deepEqual(await status(release), { revision: 2, status: 'deployed' });
  },
);

const rollsBack = releaseCase('rollback: what was there comes back as a new revision', async (release) => {
  const { name, helm, get } = release;
  await install(release);
  await upgrade(release, ' --set replicas=1,message=second,extra=true');
  await helm(`rollback ${name} 1 --wait --timeout 60s`);
  assert.deepEqual(await status(release), { revision: 3, status: 'deployed' });
  assert.equal((await get(`configmap ${name}-config`)).data?.['message'], 'first');
  assert.equal((await get(`deployment ${name}`)).status?.['readyReplicas'], 2);
  assert.ok(!(await names(release, 'configmaps')).includes(`ConfigMap/${name}-extra`));
});

const tests = releaseCase('test: runs the chart’s tests and tells how they went', async (release) => {
  const { name, helm } = release;
  await install(release);
  assert.match(await helm(`test ${name} --timeout 60s`), /Phase:\s+Succeeded/);
  assert.match(await helm(`test ${name} --timeout 60s`), /Phase:\s+Succeeded/);
});

const uninstalls = releaseCase('uninstall: all goes but CRDs and what is to be kept', async (release) => {
  const { name, helm, kubectl } = release;
  await install(release, ' --set extra=true');
  await helm(`uninstall ${name} --wait --timeout 60s --keep-history`);
  const kinds = 'deployments,statefulsets,daemonsets,services,secrets,ingresses,widgets,pdb,hpa';
  assert.deepEqual(await names(release, kinds), [`Secret/sh.helm.release.v1.${name}.v1`]);
  assert.ok((await names(release, 'configmaps')).includes(`ConfigMap/${name}-kept`));
  await kubectl('get crd widgets.helm.example.com');
  assert.equal((await status(release)).status, 'uninstalled');
  await helm(`uninstall ${name} --wait --cascade foreground --timeout 60s`);
  assert.deepEqual(await names(release, 'secrets'), []);
});

const cascades = releaseCase('uninstall --cascade=foreground: waits until the Pods are gone', async (release) => {
  const { name, helm } = release;
  await install(release);
  await helm(`uninstall ${name} --wait --cascade foreground --timeout 60s --no-hooks`);
  assert.deepEqual(await names(release, 'deployments,replicasets'), []);
});

const ATOMIC = { 3: '--atomic', 4: '--rollback-on-failure' } as const;

const rollsBackOnFailure = releaseCase(
  'rollback on failure: an upgrade that does not get ready is undone',
  async (release) => {
    const { name, get, helmFails, version } = release;
    await install(release);
    const words = `upgrade ${name} CHART ${ATOMIC[version]} --timeout 6s --set unschedulable=true,message=second`;
    assert.match(await helmFails(words), /rolled back|has been rolled back/);
    assert.deepEqual(await status(release), { revision: 3, status: 'deployed' });
    assert.equal((await get(`configmap ${name}-config`)).data?.['message'], 'first');
    assert.equal((await get(`deployment ${name}`)).status?.['readyReplicas'], 2);
  },
);

const installUndone = releaseCase(
  'rollback on failure: an installation that does not get ready leaves nothing',
  async (release) => {
    const { name, helmFails, json, version } = release;
    const words = `install ${name} CHART --create-namespace ${ATOMIC[version]} --timeout 6s --set unschedulable=true`;
    assert.match(await helmFails(words), /deadline exceeded|timed out|not ready/i);
    assert.deepEqual(await json<ListedRelease[]>(version === 3 ? 'list --all' : 'list'), []);
    assert.deepEqual(await names(release, 'deployments,statefulsets,services'), []);
  },
);

const failsAndHeals = releaseCase(
  'wait: an upgrade that does not get ready is failed, and a rollback mends it',
  async (release) => {
    const { name, helm, helmFails, json } = release;
    await install(release);
    await helmFails(`upgrade ${name} CHART --wait --timeout 4s --set unschedulable=true`);
    assert.deepEqual(await status(release), { revision: 2, status: 'failed' });
    const failed = await json<ListedRelease[]>(`list --failed`);
    assert.deepEqual(
      failed.map((row) => [row.name, row.revision]),
      [[name, '2']],
    );
    await helm(`rollback ${name} 1 --wait --timeout 60s`);
    assert.deepEqual(await status(release), { revision: 3, status: 'deployed' });
  },
);

const CLIENT_SIDE = { 3: '', 4: ' --server-side=false' } as const;

const threeWay = releaseCase(
  'three-way merge: a live edit stays where the chart did not change, and goes where it did',
  async (release) => {
    const { name, kubectl, get, version } = release;
    await install(release, CLIENT_SIDE[version]);
    const patch = {
      metadata: { labels: { 'edited-by': 'hand' } },
      spec: {
        replicas: 5,
        template: {
          spec: {
            containers: [
              { name: 'main', env: [{ name: 'EXTRA', value: 'live' }] },
              { name: 'side', image: 'side:1' },
            ],
          },
        },
      },
    };
    await kubectl(`patch deployment ${name} --type strategic -p '${JSON.stringify(patch)}'`);
    await upgrade(release, `${CLIENT_SIDE[version]} --set message=second`);
    const { metadata, spec } = await get<{
      metadata: { labels: Record<string, string> };
      spec: {
        replicas: number;
        template: { spec: { containers: { name: string; env?: { name: string; value: string }[] }[] } };
      };
    }>(`deployment ${name}`);
    assert.equal(metadata.labels['edited-by'], 'hand');
    assert.equal(spec.replicas, 2, 'the chart says 2, the live object said 5');
    const { containers } = spec.template.spec;
    assert.deepEqual(containers.map((container) => container.name).sort(), ['main', 'side']);
    const env = containers.find((container) => container.name === 'main')?.env ?? [];
    assert.deepEqual(env.map((row) => `${row.name}=${row.value}`).sort(), ['EXTRA=live', 'MESSAGE=second']);
    const widget = await get<{ spec: { parts: unknown } }>(`widget ${name}`);
    assert.deepEqual(widget.spec.parts, [{ name: 'wheel', count: 2 }]);
  },
);

const dryRun = releaseCase('--dry-run=server: looks up, renders, changes nothing', async (release) => {
  const { name, helm, helmFails } = release;
  await install(release);
  const text = await helm(`upgrade ${name} CHART --dry-run=server --set message=tried`);
  assert.match(text, /message: "tried"/);
  assert.match(text, /kubeVersion: v1\.36\./);
  assert.match(text, /namespaces: "[1-9]/);
  assert.deepEqual(await status(release), { revision: 1, status: 'deployed' });
  const other = `install ${name}-other CHART --dry-run=server --set-json`;
  const broken = { apiVersion: 'example.com/v1', kind: 'Nothing', metadata: { name: 'x' } };
  assert.match(await helmFails(`${other} broken=${JSON.stringify(broken)}`), /no matches for kind "Nothing"/);
});

const shows = releaseCase('list, status, history, get: what they show', async (release) => {
  const { name, helm, json, version } = release;
  await install(release, ' --set message=shown');
  const listed = await json<ListedRelease[]>(`list --filter ^${name}$`);
  assert.deepEqual(
    listed.map((row) => [row.name, row.revision, row.status, row.chart]),
    [[name, '1', 'deployed', 'demo-1.2.3']],
  );
  const table = await helm(`status ${name}${version === 3 ? ' --show-resources' : ''}`);
  assert.match(table, /NAME +READY +UP-TO-DATE +AVAILABLE +AGE/);
  assert.match(table, new RegExp(`${name} +2/2 +2 +2`));
  assert.match(table, /NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE/);
  assert.match(await helm(`get manifest ${name}`), /kind: StatefulSet/);
  assert.match(await helm(`get hooks ${name}`), /helm.sh\/hook: pre-install/);
  assert.match(await helm(`get notes ${name}`), /says shown/);
  assert.match(await helm(`get all ${name}`), /USER-SUPPLIED VALUES:\s+message: shown/);
});

const owned = releaseCase('ownership: what another made is not taken unless asked', async (release) => {
  const { name, helm, helmFails, kubectl, get, version } = release;
  await kubectl(`create namespace ${name}`);
  await kubectl(`create configmap ${name}-config --from-literal=message=mine`);
  const words = `install ${name} ${INSTALL}`;
  assert.match(await helmFails(words), /invalid ownership metadata/);
  assert.equal((await get(`configmap ${name}-config`)).data?.['message'], 'mine');
  await helm(`${words} --take-ownership${version === 4 ? ' --force-conflicts' : ''}`);
  assert.equal((await get(`configmap ${name}-config`)).data?.['message'], 'first');
});

const refused = releaseCase('what the server refuses is told with its field', async (release) => {
  const { name, helmFails } = release;
  const broken = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: { ports: [{ port: 70_000 }] } };
  const said = await helmFails(`install ${name} ${INSTALL} --set-json broken=${JSON.stringify(broken)}`);
  assert.match(said, /spec\.ports\[0\]\.port: Invalid value: 70000: must be between 1 and 65535, inclusive/);
});

export const HELM_CASES = [
  installs,
  hooksRun,
  failingHook,
  upgrades,
  upgradeInstalls,
  rollsBack,
  tests,
  uninstalls,
  cascades,
  rollsBackOnFailure,
  installUndone,
  failsAndHeals,
  threeWay,
  dryRun,
  shows,
  owned,
  refused,
];
