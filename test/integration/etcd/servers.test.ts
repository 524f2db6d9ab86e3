/** Two API servers over one etcd: a client may write through one and read through the other. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { eventually } from '../../support/cluster.ts';
import { type EtcdMember, ensureEtcd, etcdPrograms, lineTo, startEtcd } from '../../support/etcd.ts';
import { type Answer, startTestServer, type TestServer } from './two-servers.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const map = (name: string, data: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});
const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const created = (answer: Answer) => {
  assert.equal(answer.status, 201, JSON.stringify(answer.json));
  return answer.json;
};
const ok = (answer: Answer) => {
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  return answer.json;
};

for (const program of await etcdPrograms()) {
  describe(`two API servers over ${program.name}`, () => {
    let etcd: EtcdMember;
    let one: TestServer;
    let two: TestServer;
    before(async () => {
      etcd = await startEtcd(program.path);
      [one, two] = await Promise.all([startTestServer(etcd.url), startTestServer(etcd.url)]);
      created(await one.request('POST', '/api/v1/namespaces', namespace('default')));
    });
    after(async () => {
      for (const part of [one, two, etcd]) await part?.[Symbol.asyncDispose]();
    });

    test('what was written through one is read through the other, at once: GET, LIST, and in a new namespace', async () => {
      for (let i = 0; i < 30; i++) {
        const [writer, reader] = i % 2 === 0 ? [one, two] : [two, one];
        const written = created(await writer.request('POST', MAPS, map(`read-${i}`)));
        const read = ok(await reader.request('GET', `${MAPS}/read-${i}`));
        assert.equal(read.metadata.resourceVersion, written.metadata.resourceVersion);
        const list = ok(await reader.request('GET', MAPS));
        assert.ok(list.items.some((item: { metadata: { name: string } }) => item.metadata.name === `read-${i}`));
        assert.ok(Number(list.metadata.resourceVersion) >= Number(written.metadata.resourceVersion));
      }
      created(await one.request('POST', '/api/v1/namespaces', namespace('fresh')));
      created(await two.request('POST', '/api/v1/namespaces/fresh/configmaps', map('first')));
    });

    test('a list waits for what others changed, also where nothing of this cluster changed', async () => {
      // Somebody else's key moves the revision on.
      const foreign = await startTestServer(etcd.url);
      for (let i = 0; i < 3; i++) await foreign.store.compact(1, foreign.ctx);
      const startMs = performance.now();
      ok(await two.request('GET', MAPS));
      assert.ok(performance.now() - startMs < 2_900, 'and not until the wait times out');
      await foreign[Symbol.asyncDispose]();
    });

    test('of two writers at one version one wins, whichever server they ask', async () => {
      const { metadata } = created(await one.request('POST', MAPS, map('raced')));
      const version = { resourceVersion: metadata.resourceVersion };
      const attempts = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 === 0 ? one : two).request('PUT', `${MAPS}/raced`, map('raced', { i: String(i) }, version)),
        ),
      );
      assert.deepEqual(attempts.map(({ status }) => status).sort(), [200, ...Array(9).fill(409)]);
      const conflict = attempts.find(({ status }) => status === 409);
      assert.match(
        conflict?.json.message,
        /Operation cannot be fulfilled on configmaps "raced": the object has been modified/,
      );
    });

    test('patches through both servers all take effect', async () => {
      created(await one.request('POST', MAPS, map('counted')));
      const patch = async (server: TestServer, i: number) => {
        const [path, headers] = [`${MAPS}/counted`, { 'content-type': 'application/merge-patch+json' }];
        const body = new TextEncoder().encode(JSON.stringify({ data: { [`k${i}`]: 'v' } }));
        const user = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
        return server.server.handle({ method: 'PATCH', path, query: '', headers, user, body }, server.ctx);
      };
      for (let i = 0; i < 20; i += 2) {
        const [a, b] = await Promise.all([patch(one, i), patch(two, i + 1)]);
        assert.deepEqual([a.status, b.status], [200, 200]);
      }
      const { data } = ok(await one.request('GET', `${MAPS}/counted`));
      assert.equal(Object.keys(data).length, 20);
    });

    test('no verdict rests on an old state: updates, deletes and preconditions right after the other server wrote', async () => {
      for (let i = 0; i < 20; i++) {
        const name = `verdict-${i}`;
        created(await one.request('POST', MAPS, map(name)));
        const next = ok(await two.request('PUT', `${MAPS}/${name}`, map(name, { a: '1' })));
        ok(
          await one.request(
            'PUT',
            `${MAPS}/${name}`,
            map(name, { a: '2' }, { resourceVersion: next.metadata.resourceVersion }),
          ),
        );
        ok(await two.request('DELETE', `${MAPS}/${name}`));
        assert.equal((await one.request('PUT', `${MAPS}/${name}`, map(name, { a: '3' }))).status, 404);
        assert.equal((await one.request('DELETE', `${MAPS}/${name}`)).status, 404);
        created(await one.request('POST', MAPS, map(name)));
      }
    });

    test('a watch on one is told of every write of the other, in order', async () => {
      const seen: string[] = [];
      const { resourceVersion } = ok(await two.request('GET', MAPS)).metadata;
      const stop = new AbortController();
      const path = { method: 'GET', path: MAPS, query: `watch=true&resourceVersion=${resourceVersion}`, headers: {} };
      const user = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
      const answer = await two.server.handle({ ...path, user }, two.ctx);
      assert.ok(!(answer.body instanceof Uint8Array));
      answer.body.start(
        { write: (chunk) => seen.push(new TextDecoder().decode(chunk)) > 0, close: () => {}, onDrain: () => {} },
        stop.signal,
      );
      await Promise.all(Array.from({ length: 100 }, (_, i) => one.request('POST', MAPS, map(`watched-${i}`))));
      await eventually('all events came', async () => seen.length >= 100);
      const revisions = seen.map((line) => Number(JSON.parse(line).object.metadata.resourceVersion));
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => a - b),
      );
      assert.equal(seen.length, 100);
      stop.abort();
    });

    test('a list is continued on the other server, at the same revision', async () => {
      const first = ok(await one.request('GET', `${MAPS}?limit=5`));
      created(await one.request('POST', MAPS, map('aaa-later')));
      const names = first.items.map((item: { metadata: { name: string } }) => item.metadata.name);
      let next = first.metadata.continue;
      for (let page = 0; next !== undefined && next !== ''; page++) {
        const answer = ok(await (page % 2 === 0 ? two : one).request('GET', `${MAPS}?limit=50&continue=${next}`));
        assert.equal(answer.metadata.resourceVersion, first.metadata.resourceVersion);
        names.push(...answer.items.map((item: { metadata: { name: string } }) => item.metadata.name));
        next = answer.metadata.continue;
      }
      assert.ok(!names.includes('aaa-later'));
      assert.equal(new Set(names).size, names.length);
    });

    test('a server that starts later serves a list continued from before it started, until somebody compacts', async () => {
      const first = ok(await one.request('GET', `${MAPS}?limit=5`));
      await one.request('DELETE', `${MAPS}/watched-99`);
      await using late = await startTestServer(etcd.url);
      const rest = ok(await late.request('GET', `${MAPS}?limit=500&continue=${first.metadata.continue}`));
      const names = rest.items.map((item: { metadata: { name: string } }) => item.metadata.name);
      assert.ok(names.includes('watched-99'), 'as it was when the list began');
      // Another server compacted last: the first call only learns of that.
      for (let i = 0; i < 2; i++) await one.store.compact(await one.store.currentRevision(one.ctx), one.ctx);
      const gone = await late.request('GET', `${MAPS}?limit=500&continue=${first.metadata.continue}`);
      assert.equal(gone.status, 410);
      assert.match(gone.json.message, /The provided continue parameter is too old/);
      assert.ok(gone.json.metadata.continue !== '');
    });

    test('resourceVersion=N waits for N; one from the future is a Timeout after 3 s', async () => {
      const { metadata } = created(await one.request('POST', MAPS, map('newest')));
      ok(await two.request('GET', `${MAPS}/newest?resourceVersion=${metadata.resourceVersion}`));
      ok(await two.request('GET', `${MAPS}?resourceVersion=0`));
      const startMs = performance.now();
      const answer = await two.request(
        'GET',
        `${MAPS}?resourceVersion=${Number(metadata.resourceVersion) + 1_000_000}`,
      );
      assert.equal(answer.status, 504);
      assert.match(answer.json.message, /Too large resource version/);
      assert.equal(answer.json.details.retryAfterSeconds, 1);
      assert.equal(answer.json.details.causes[0].reason, 'ResourceVersionTooLarge');
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs > 2_900, `${tookMs} ms`);
    });

    test('no cluster IP and no node port is given twice, and those given back are given again', async () => {
      const service = (name: string) => ({
        metadata: { name, namespace: 'default' },
        spec: { type: 'NodePort', ports: [{ port: 80 }] },
      });
      const make = (server: TestServer, name: string) =>
        server.client.create(coreV1.Service, service(name) as never, server.ctx);
      // A network of 254 addresses, most of which are given out in one go by both.
      const services = await Promise.all(Array.from({ length: 200 }, (_, i) => make(i % 2 === 0 ? one : two, `s${i}`)));
      const ips = services.map(({ spec }) => spec.clusterIP);
      const ports = services.map(({ spec }) => spec.ports?.[0]?.nodePort);
      assert.equal(new Set(ips).size, 200);
      assert.equal(new Set(ports).size, 200);
      const asked = await two.request('POST', '/api/v1/namespaces/default/services', {
        ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'same' } },
        spec: { clusterIP: ips[0], ports: [{ port: 80 }] },
      });
      assert.equal(asked.status, 422);
      assert.match(asked.json.message, /provided IP is already allocated/);
      await Promise.all(
        services.map(({ metadata }, i) =>
          (i % 2 === 0 ? two : one).client.delete(coreV1.Service, metadata as never, one.ctx),
        ),
      );
      const again = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          eventually('an address is free', () => make(i % 2 === 0 ? one : two, `t${i}`)),
        ),
      );
      assert.equal(new Set(again.map(({ spec }) => spec.clusterIP)).size, 200);
    });
  });
}

test('etcd that is out of space refuses writes with what to do; reads go on', async () => {
  await using etcd = await startEtcd(await ensureEtcd(), { args: ['--quota-backend-bytes', String(2 << 20)] });
  await using server = await startTestServer(etcd.url);
  created(await server.request('POST', '/api/v1/namespaces', namespace('default')));
  const big = 'x'.repeat(200_000);
  let refused: Answer | undefined;
  for (let i = 0; i < 40 && refused === undefined; i++) {
    const answer = await server.request('POST', MAPS, map(`big-${i}`, { big }));
    if (answer.status !== 201) refused = answer;
  }
  assert.equal(refused?.status, 500);
  assert.match(
    refused?.json.message,
    /etcdserver: mvcc: database space exceeded: .*etcdctl defrag.*etcdctl alarm disarm/,
  );
  ok(await server.request('GET', `${MAPS}/big-0`));
  assert.ok(ok(await server.request('GET', MAPS)).items.length > 0);
});

test('a server that is cut off while another compacts: its watches end with 410, and it serves the newest state again', async () => {
  await using etcd = await startEtcd(await ensureEtcd());
  await using line = await lineTo(etcd.url);
  await using far = await startTestServer(line.url);
  await using near = await startTestServer(etcd.url);
  created(await near.request('POST', '/api/v1/namespaces', namespace('default')));
  created(await near.request('POST', MAPS, map('a')));
  const seen: string[] = [];
  const user = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
  const { resourceVersion } = ok(await far.request('GET', MAPS)).metadata;
  const query = `watch=true&resourceVersion=${resourceVersion}`;
  const answer = await far.server.handle({ method: 'GET', path: MAPS, query, headers: {}, user }, far.ctx);
  assert.ok(!(answer.body instanceof Uint8Array));
  let isClosed = false;
  const sink = {
    write: (chunk: Uint8Array) => seen.push(new TextDecoder().decode(chunk)) > 0,
    close: () => {
      isClosed = true;
    },
    onDrain: () => {},
  };
  answer.body.start(sink, new AbortController().signal);

  line.cut();
  for (let i = 0; i < 5; i++) ok(await near.request('PUT', `${MAPS}/a`, map('a', { i: String(i) })));
  await near.store.compact(await near.store.currentRevision(near.ctx), near.ctx);
  line.mend();
  await eventually('the watch has ended', async () => isClosed, 20_000);
  const last = JSON.parse(seen.at(-1) ?? '{}');
  assert.deepEqual([last.type, last.object.code, last.object.reason], ['ERROR', 410, 'Expired']);
  const list = ok(await far.request('GET', MAPS));
  assert.equal(list.items[0].data.i, '4');
  assert.equal(ok(await far.request('GET', `${MAPS}/a?resourceVersion=0`)).data.i, '4');
  created(await near.request('POST', MAPS, map('b')));
  await eventually(
    'events come again',
    async () => far.server.registry.find('', 'v1', 'configmaps')?.storage?.cache.get('default/b') !== undefined,
  );
});
