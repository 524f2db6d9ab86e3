/** Cluster DNS as Pods and the node ask it. Source: kubernetes/dns docs/specification.md 1.1.0. */
import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { test } from 'node:test';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import type { FakeDns } from '../../support/fake-dns.ts';
import { pod, service, WEB } from '../../support/manifests.ts';
import { openSession } from '../../support/session.ts';
import { ipOf } from './addresses.ts';

const DNS_ADDRESS = '10.119.0.10';

function resolver(): Resolver {
  const asking = new Resolver({ timeout: 2000, tries: 2 });
  asking.setServers([DNS_ADDRESS]);
  return asking;
}

const known = (what: string, ask: () => Promise<unknown>) =>
  eventually(`${what} is known`, async () => (await ask()) !== undefined);
const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'answered',
    (error) => (error as { code: string }).code,
  );

export function dnsTests(cluster: () => TestCluster, upstream: () => FakeDns): void {
  test('A, SRV and reverse records of a Service; no such name, no such type', async () => {
    const s = await openSession(cluster(), 'records');
    await s.apply(
      service('web', {
        ports: [
          { name: 'http', port: 80 },
          { name: 'admin', port: 8081 },
        ],
      }),
    );
    const ip = await ipOf(s, 'web');
    const asking = resolver();
    const name = `web.${s.ns}.svc.cluster.local`;
    await known(name, () => asking.resolve4(name));
    assert.deepEqual(await asking.resolve4(name), [ip]);
    const [srv] = await asking.resolveSrv(`_admin._tcp.${name}`);
    assert.deepEqual([srv?.name, srv?.port], [name, 8081]);
    assert.deepEqual(await asking.resolvePtr(`${ip.split('.').toReversed().join('.')}.in-addr.arpa`), [name]);
    assert.equal(await codeOf(asking.resolve6(name)), 'ENODATA');
    assert.equal(await codeOf(asking.resolve4(`none.${s.ns}.svc.cluster.local`)), 'ENOTFOUND');
    assert.equal(await codeOf(asking.resolveSrv(`_none._tcp.${name}`)), 'ENOTFOUND');
    assert.deepEqual(await asking.resolve4('kubernetes.default.svc.cluster.local'), ['10.119.0.1']);
    await s.k('delete service web');
    await eventually('the name is gone', async () => (await codeOf(asking.resolve4(name))) === 'ENOTFOUND');
  });

  test('headless: the ready Pods themselves, each by its name; records of Pods', async () => {
    const s = await openSession(cluster(), 'headless');
    const of = (hostname: string) => ({ ...WEB, labels: { app: 'web' }, spec: { hostname, subdomain: 'web' } });
    await s.apply(pod('a', of('one')), pod('b', of('two')), service('web', { clusterIP: 'None' }));
    const [a, b] = [await s.ready('a'), await s.ready('b')];
    const [ipA, ipB] = [a.status?.podIP ?? '', b.status?.podIP ?? ''];
    const asking = resolver();
    const name = `web.${s.ns}.svc.cluster.local`;
    await eventually('both addresses are there', async () => (await asking.resolve4(name)).length === 2);
    assert.deepEqual((await asking.resolve4(name)).toSorted(), [ipA, ipB].toSorted());
    assert.deepEqual(await asking.resolve4(`one.${name}`), [ipA]);
    const srv = await asking.resolveSrv(`_http._tcp.${name}`);
    assert.deepEqual(srv.map((record) => `${record.name}:${record.port}`).toSorted(), [
      `one.${name}:8080`,
      `two.${name}:8080`,
    ]);
    assert.deepEqual(await asking.resolve4(`${ipA.replaceAll('.', '-')}.${s.ns}.pod.cluster.local`), [ipA]);
    await s.k('delete pod b');
    await eventually('the address of b is gone', async () => (await asking.resolve4(name)).join() === ipA);
  });

  test('ExternalName and all other names: through the upstream server', async () => {
    const s = await openSession(cluster(), 'external');
    await s.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'db' },
      spec: { type: 'ExternalName', externalName: 'db.example.test' },
    });
    const asking = resolver();
    const name = `db.${s.ns}.svc.cluster.local`;
    await known(name, () => asking.resolveCname(name));
    assert.deepEqual(await asking.resolveCname(name), ['db.example.test']);
    assert.deepEqual(await asking.resolve4(name), ['192.0.2.7'], 'the name behind it is looked up too');
    assert.deepEqual(await asking.resolve4('db.example.test'), ['192.0.2.7']);
    assert.equal(await codeOf(asking.resolve4('nowhere.example.test')), 'ENOTFOUND');
    assert.ok(upstream().asked.includes('nowhere.example.test'));
    assert.ok(!upstream().asked.some((asked) => asked.endsWith('cluster.local')), 'names of the cluster stay in it');
  });

  test('/etc/resolv.conf of Pods: search list, options, policies', async () => {
    const s = await openSession(cluster(), 'resolv');
    const dnsConfig = {
      nameservers: ['192.0.2.53'],
      searches: ['only.test'],
      options: [{ name: 'ndots', value: '2' }],
    };
    await s.apply(
      pod('first'),
      pod('default', { spec: { dnsPolicy: 'Default' } }),
      pod('none', { spec: { dnsPolicy: 'None', dnsConfig } }),
      pod('both', { spec: { dnsConfig: { searches: ['more.test'] } } }),
      service('web', { ports: [{ port: 80 }] }),
    );
    for (const name of ['first', 'default', 'none', 'both']) await s.ready(name);
    const lines = async (name: string) =>
      (await s.exec(name, 'cat /etc/resolv.conf')).split('\n').filter((line) => line !== '');
    const search = `search ${s.ns}.svc.cluster.local svc.cluster.local cluster.local corp.test`;
    assert.deepEqual((await lines('first')).toSorted(), [`nameserver ${DNS_ADDRESS}`, 'options ndots:5', search]);
    assert.ok((await lines('both')).includes(`${search} more.test`));
    assert.deepEqual((await lines('none')).toSorted(), [
      'nameserver 192.0.2.53',
      'options ndots:2',
      'search only.test',
    ]);
    const asHost = await lines('default');
    assert.ok(asHost.includes('nameserver 127.118.0.53') && asHost.includes('search corp.test'), asHost.join());
    const ip = await ipOf(s, 'web');
    const short = ['web', `web.${s.ns}`, `web.${s.ns}.svc`];
    // The resolver of the C library: search list, all short forms.
    for (const name of short)
      assert.match(await s.exec('first', `ping -c 1 -W 1 ${name} | head -1`), new RegExp(`^PING ${name} \\(${ip}\\)`));
    assert.match(await s.exec('first', 'ping -c 1 -W 1 printer | head -1'), /192\.0\.2\.9/);
  });
}
