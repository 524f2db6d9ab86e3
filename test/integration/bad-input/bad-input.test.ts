/** Everything that can be wrong with a request: upstream's codes, reasons, causes and words. One cluster, several tables. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Api, createApi } from '../../support/api.ts';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import { openSession, type Session } from '../../support/session.ts';
import { invalidObjects, invalidUpdates } from './invalid-objects.ts';
import { kubectlTests } from './kubectl.ts';
import { requestTests } from './requests.ts';

export interface Status {
  readonly kind: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code: number;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

let cluster: TestCluster;
let api: Api;
let s: Session;
before(async () => {
  cluster = await startCluster({
    name: 't-bad',
    apiPort: 16450,
    podCidr: '10.124.0.0/16',
    serviceCidr: '10.125.0.0/16',
  });
  api = createApi(cluster.kubeconfig);
  s = await openSession(cluster, 'bad');
});
after(async () => {
  api?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const pathOf = (resource: string) => {
  const [group = '', plural = ''] = resource.includes('/') ? resource.split(':') : ['v1', resource];
  const base = group === 'v1' ? '/api/v1' : `/apis/${group}`;
  return plural === 'namespaces' ? `${base}/namespaces` : `${base}/namespaces/${s.ns}/${plural}`;
};

/** `reason field: message` of each cause, in any order. */
function assertCauses(text: string, code: number, expected: readonly (readonly [string, string, RegExp?])[]): void {
  const status = JSON.parse(text) as Status;
  assert.deepEqual([code, status.kind, status.code, status.reason], [422, 'Status', 422, 'Invalid'], text);
  const causes = status.details?.causes ?? [];
  const shown = causes.map(({ reason, field, message }) => `${reason} ${field}: ${message}`);
  const wanted = expected.map(([reason, field]) => `${reason} ${field}`).toSorted();
  assert.deepEqual(causes.map(({ reason, field }) => `${reason} ${field}`).toSorted(), wanted, shown.join('\n'));
  for (const [reason, field, message] of expected) {
    if (message === undefined) continue;
    const found = causes.filter((cause) => cause.reason === reason && cause.field === field);
    assert.ok(
      found.some((cause) => message.test(cause.message ?? '')),
      `${field}: ${message} in\n${shown.join('\n')}`,
    );
  }
}

describe('an invalid object: 422 with every cause at once', () => {
  for (const { title, resource, object, causes } of invalidObjects) {
    test(title, async () => {
      const answer = await api.request('POST', pathOf(resource), { body: JSON.stringify(object) });
      assertCauses(answer.text, answer.status, causes);
    });
  }
});

describe('an invalid change', () => {
  for (const { title, resource, object, patch, causes } of invalidUpdates) {
    test(title, async () => {
      const created = await api.request('POST', pathOf(resource), { body: JSON.stringify(object) });
      assert.equal(created.status, 201, created.text);
      const { metadata } = JSON.parse(created.text) as { metadata: { name: string } };
      const headers = { 'content-type': 'application/merge-patch+json' };
      const path = `${pathOf(resource)}/${metadata.name}`;
      const answer = await api.request('PATCH', path, { headers, body: JSON.stringify(patch) });
      assertCauses(answer.text, answer.status, causes);
      const stored = JSON.parse((await api.request('GET', path)).text) as { metadata: { generation?: number } };
      assert.ok((stored.metadata.generation ?? 1) === 1, 'nothing of it is stored');
    });
  }
});

requestTests(
  () => api,
  () => s,
);
kubectlTests(() => s);

test('after all that the server is well', async () => {
  assert.equal((await api.request('GET', '/readyz')).text, 'ok');
  assert.equal((await cluster.kapella('status')).code, 0);
});
