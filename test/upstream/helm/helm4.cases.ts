/** What only Helm 4 does: releases by server-side apply, and its watchers. */
import assert from 'node:assert/strict';
import { releaseCase } from './release.ts';

const INSTALL = 'CHART --create-namespace --wait --timeout 60s';

interface Managed {
  readonly metadata: { readonly managedFields: readonly { readonly manager: string; readonly operation: string }[] };
}

const applies = releaseCase('server-side apply: conflicts with a live edit unless forced', async (release) => {
  const { name, helm, helmFails, kubectl, get } = release;
  await helm(`install ${name} ${INSTALL}`);
  const managers = (await get<Managed>(`deployment ${name} --show-managed-fields`)).metadata.managedFields;
  assert.ok(managers.some(({ manager, operation }) => manager === 'helm' && operation === 'Apply'));
  const live = JSON.stringify({ metadata: { labels: { own: 'label' } }, spec: { replicas: 4 } });
  await kubectl(`patch deployment ${name} -p '${live}' --field-manager=kubectl-edit`);
  const words = `upgrade ${name} CHART --wait --timeout 60s --set replicas=3`;
  assert.match(await helmFails(words), /conflict with "kubectl-edit".*\.spec\.replicas/s);
  await helm(`${words} --force-conflicts`);
  const { spec, metadata } = await get(`deployment ${name}`);
  assert.equal(spec?.['replicas'], 3);
  assert.equal(metadata.labels?.['own'], 'label');
});

const migrates = releaseCase('server-side apply: takes over a release of client-side merges', async (release) => {
  const { name, helm, get } = release;
  await helm(`install ${name} ${INSTALL} --server-side=false`);
  await helm(`upgrade ${name} CHART --wait --timeout 60s --server-side=true --set replicas=1`);
  const { spec } = await get(`deployment ${name}`);
  assert.equal(spec?.['replicas'], 1);
  const managers = (await get<Managed>(`deployment ${name} --show-managed-fields`)).metadata.managedFields;
  assert.deepEqual(
    managers.filter(({ manager }) => manager === 'helm').map(({ operation }) => operation),
    ['Apply'],
  );
});

const strategies = releaseCase('wait strategies: watcher, legacy, hookOnly', async (release) => {
  const { name, helm } = release;
  await helm(`install ${name} CHART --create-namespace --wait=watcher --wait-for-jobs --timeout 60s`);
  await helm(`upgrade ${name} CHART --wait=legacy --wait-for-jobs --timeout 60s --set message=second`);
  await helm(`upgrade ${name} CHART --wait=hookOnly --timeout 60s --set message=third`);
});

const strict = releaseCase('a field that no kind has is refused', async (release) => {
  const { name, helmFails } = release;
  const broken = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'x' },
    spec: { prots: [], ports: [{ port: 1 }] },
  };
  const words = `install ${name} ${INSTALL} --set-json broken=${JSON.stringify(broken)}`;
  assert.match(await helmFails(words), /unknown field "spec\.prots"|spec\.prots: field not declared in schema/);
});

export const HELM4_CASES = [applies, migrates, strategies, strict];
