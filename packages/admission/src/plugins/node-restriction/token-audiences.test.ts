/** A node gets tokens for audiences that its Pods name, and for others only where it may ask for them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import type { AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { audienceProblem } from './token-audiences.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const objects = new Map<string, object>([
  ['PersistentVolumeClaim ns/data', { spec: { volumeName: 'pv' } }],
  ['PersistentVolumeClaim ns/p-scratch', { spec: { volumeName: 'pv' } }],
  ['PersistentVolume /pv', { spec: { csi: { driver: 'driver' } } }],
  ['CSIDriver /driver', { spec: { tokenRequests: [{ audience: 'csi' }] } }],
]);

async function problem(volumes: object[], audiences: string[], allowed: string[] = []) {
  const pod = { metadata: { name: 'p', namespace: 'ns' }, spec: { volumes } } as unknown as Pod;
  const server = {
    get: async ({ kind }: { kind: string }, namespace: string, name: string) =>
      objects.get(`${kind} ${namespace}/${name}`),
    service: () => ({
      authorize: async ({ verb, resource, name }: { verb: string; resource: string; name: string }) => ({
        decision: allowed.includes(`${verb} ${resource} ${name}`) ? 'allow' : 'none',
      }),
    }),
  } as unknown as ServerAccess;
  const request = {
    ...{ user: { username: 'system:node:n1', groups: ['system:nodes'] }, namespace: 'ns', name: 'sa' },
    object: { spec: { audiences } },
  } as unknown as AdmissionRequest;
  return audienceProblem(request, pod, server, ctx);
}
const projected = (audience?: string) => ({
  name: 't',
  projected: { sources: [{ serviceAccountToken: audience === undefined ? {} : { audience } }] },
});

test('in a projected volume, or of the driver of a volume', async () => {
  assert.equal(await problem([projected()], []), undefined);
  assert.equal(await problem([projected('vault')], ['vault']), undefined);
  assert.equal(await problem([{ name: 'v', csi: { driver: 'driver' } }], ['csi']), undefined);
  assert.equal(await problem([{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }], ['csi']), undefined);
  assert.equal(await problem([{ name: 'scratch', ephemeral: { volumeClaimTemplate: {} } }], ['csi']), undefined);
});

test('others are refused, but to whom they are allowed', async () => {
  const message =
    'audience "vault" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience';
  assert.equal(await problem([projected()], ['vault']), message);
  assert.equal(await problem([{ name: 'v', persistentVolumeClaim: { claimName: 'gone' } }], ['vault']), message);
  assert.equal(await problem([], ['vault'], ['request-serviceaccounts-token-audience vault sa']), undefined);
  assert.equal(await problem([projected('a')], ['a', 'b']), 'node may only request 0 or 1 audiences');
});
