/** A real application from its images to its data: examples/guestbook, through restarts of the whole cluster. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import { deployGuestbook, type Guestbook } from '../../support/guestbook.ts';
import { pod } from '../../support/manifests.ts';
import { containerOf } from '../../support/session.ts';
import { registryTests } from './pulling.ts';

const EXAMPLE = join(import.meta.dirname, '../../../examples/guestbook');

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster({
    name: 't-app',
    apiPort: 16448,
    podCidr: '10.120.0.0/16',
    serviceCidr: '10.121.0.0/16',
  });
});
after(() => cluster?.[Symbol.asyncDispose]());

describe('guestbook', () => {
  let guestbook: Guestbook;
  before(async () => {
    guestbook = await deployGuestbook(cluster);
    await guestbook.answers();
    await guestbook.session.apply(pod('client'));
    await guestbook.session.ready('client');
  });

  test('the example as it is in the repository is accepted by the server', async () => {
    assert.match(
      await cluster.kubectl(`apply -k ${EXAMPLE} --dry-run=server`),
      /statefulset.apps\/guestbook-db .*dry run/,
    );
  });

  test('answers through the NodePort, and from a Pod through Service and DNS', async () => {
    assert.match(await (await fetch(`${guestbook.url}/`)).text(), /<title>Guestbook<\/title>/);
    await guestbook.sign('first');
    assert.deepEqual(await guestbook.texts(), ['first']);
    assert.deepEqual(await guestbook.textsFromPod(), ['first']);
    const info = await guestbook.session.exec(
      'client',
      'wget -q -O - http://guestbook-web.guestbook.svc.cluster.local/api/info',
    );
    assert.match(info, /"pod":"guestbook-api-.*"title":"Guestbook on Kapella"/);
  });

  test('data survives deletion of the database Pod', async () => {
    await guestbook.sign('before the Pod went');
    const old = await guestbook.session.pod('guestbook-db-0');
    await guestbook.session.k('delete pod guestbook-db-0');
    await guestbook.answers();
    const { metadata } = await guestbook.session.ready('guestbook-db-0');
    assert.notEqual(metadata.uid, old.metadata.uid);
    assert.equal((await guestbook.texts())[0], 'before the Pod went');
  });

  test('data survives a restart of everything; no container of before goes on', async () => {
    await guestbook.sign('before the night');
    const before = await guestbook.session.pods('');
    const down = await cluster.kapella('down');
    assert.equal(down.code, 0, down.stderr);
    await assert.rejects(fetch(`${guestbook.url}/`, { signal: AbortSignal.timeout(3000) }), 'nothing answers');
    const up = await cluster.kapella('up --yes', { timeoutMs: 180_000 });
    assert.equal(up.code, 0, up.stderr);
    await guestbook.answers();
    assert.deepEqual(await guestbook.texts(), ['before the night', 'before the Pod went', 'first']);
    assert.equal(await guestbook.session.ready('client').then(({ metadata }) => metadata.name), 'client');
    assert.equal((await guestbook.textsFromPod()).length, 3);
    const now = await guestbook.session.pods('');
    assert.deepEqual(uidsOf(now), uidsOf(before), 'the Pods are the same objects');
    const idOf = (all: typeof now) =>
      containerOf(all.find(({ metadata }) => metadata.name === 'guestbook-db-0')!, 'redis')?.containerID;
    assert.notEqual(idOf(now), idOf(before), 'with new containers');
    assert.match(await guestbook.session.k('get pods'), /guestbook-db-0\s+1\/1\s+Running\s+1/);
  });

  test('up again finds nothing to do', async () => {
    const up = await cluster.kapella('up --yes');
    assert.equal(up.code, 0, up.stderr);
    assert.equal((await guestbook.texts()).length, 3);
  });
});

const uidsOf = (pods: readonly { readonly metadata: { readonly uid?: string } }[]) =>
  pods.map(({ metadata }) => metadata.uid).toSorted();

registryTests(() => cluster);
