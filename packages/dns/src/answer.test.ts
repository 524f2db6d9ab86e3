/** The Kubernetes DNS specification 1.1, section by section, as queries and answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '@kapella/api/types/core-v1';
import type { Endpoint, EndpointSlice } from '@kapella/api/types/discovery-v1';
import { planRecords } from './plan-records.ts';
import { answerFromZone } from './plugins/kubernetes/answer.ts';
import { RecordIndex } from './record-index.ts';
import { reverseName } from './reverse-name.ts';

const zone = { zone: 'cluster.local', ttlSeconds: 5 };
const metadata = (name: string) => ({ name, namespace: 'ns', uid: 'u', resourceVersion: '1', creationTimestamp: '' });

const service = (name: string, spec: Service['spec']): Service => ({
  kind: 'Service',
  apiVersion: 'v1',
  metadata: metadata(name),
  spec,
});
const slice = (
  endpoints: readonly Endpoint[],
  ports = [{ name: 'http', port: 8080, protocol: 'TCP' as const }],
): EndpointSlice => ({
  kind: 'EndpointSlice',
  apiVersion: 'discovery.k8s.io/v1',
  metadata: metadata('x'),
  addressType: 'IPv4',
  endpoints,
  ports,
});

function indexOf(): RecordIndex {
  const index = new RecordIndex();
  index.setNamespace('ns', true);
  index.setNamespace('empty', true);
  const put = (s: Service, slices: readonly EndpointSlice[]) =>
    index.replace(s.metadata.name, planRecords(s, slices, zone));
  put(
    service('web', {
      type: 'ClusterIP',
      clusterIP: '10.96.0.5',
      clusterIPs: ['10.96.0.5', 'fd00::5'],
      ports: [
        { name: 'http', port: 80, protocol: 'TCP' },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    }),
    [slice([{ addresses: ['10.244.0.2'] }])],
  );
  put(service('db', { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'http', port: 8080 }] }), [
    slice([
      { addresses: ['10.244.0.3'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.244.0.4'] },
      { addresses: ['10.244.0.5'], conditions: { ready: false } },
    ]),
  ]);
  put(service('none', { clusterIP: 'None', clusterIPs: ['None'] }), []);
  put(service('out', { type: 'ExternalName', externalName: 'Example.COM.' }), []);
  put(service('near', { type: 'ExternalName', externalName: 'web.ns.svc.cluster.local' }), []);
  put(service('loop', { type: 'ExternalName', externalName: 'loop.ns.svc.cluster.local' }), []);
  return index;
}

const index = indexOf();
const show = (data: unknown) =>
  typeof data === 'object' && data !== null ? Object.values(data).join(' ') : String(data);

function ask(name: string, type: string): string {
  const answer = answerFromZone(index, zone, { name, type, wantsDnssec: false });
  if (answer === undefined) return 'not ours';
  const { code, answers, authorities, additionals } = answer.reply;
  const parts = answers.map((r) => `${r.type} ${show(r.data)}`);
  if (additionals.length > 0) parts.push(`+ ${additionals.map((r) => show(r.data)).join(' ')}`);
  if (authorities.length > 0) parts.push(authorities.map((r) => r.type).join());
  if (answer.follow !== undefined) parts.push(`-> ${answer.follow}`);
  return [code, ...parts].join(' | ');
}

const GOLDEN: readonly (readonly [name: string, type: string, answer: string])[] = [
  ['dns-version.cluster.local', 'TXT', 'NOERROR | TXT 1.1.0'],
  ['web.ns.svc.cluster.local', 'A', 'NOERROR | A 10.96.0.5'],
  ['web.ns.svc.cluster.local', 'AAAA', 'NOERROR | AAAA fd00::5'],
  ['web.ns.svc.cluster.local', 'MX', 'NOERROR | SOA'],
  [
    '_http._tcp.web.ns.svc.cluster.local',
    'SRV',
    'NOERROR | SRV 0 100 80 web.ns.svc.cluster.local | + 10.96.0.5 fd00::5',
  ],
  [
    '_dns._udp.web.ns.svc.cluster.local',
    'SRV',
    'NOERROR | SRV 0 100 53 web.ns.svc.cluster.local | + 10.96.0.5 fd00::5',
  ],
  ['_http._udp.web.ns.svc.cluster.local', 'SRV', 'NXDOMAIN | SOA'],
  ['_tcp.web.ns.svc.cluster.local', 'A', 'NOERROR | SOA'],
  ['5.0.96.10.in-addr.arpa', 'PTR', 'NOERROR | PTR web.ns.svc.cluster.local'],
  [reverseName('fd00::5'), 'PTR', 'NOERROR | PTR web.ns.svc.cluster.local'],
  ['6.0.96.10.in-addr.arpa', 'PTR', 'not ours'],
  ['db.ns.svc.cluster.local', 'A', 'NOERROR | A 10.244.0.3 | A 10.244.0.4'],
  ['db-0.db.ns.svc.cluster.local', 'A', 'NOERROR | A 10.244.0.3'],
  ['10-244-0-4.db.ns.svc.cluster.local', 'A', 'NOERROR | A 10.244.0.4'],
  ['10-244-0-5.db.ns.svc.cluster.local', 'A', 'NXDOMAIN | SOA'],
  ['3.0.244.10.in-addr.arpa', 'PTR', 'NOERROR | PTR db-0.db.ns.svc.cluster.local'],
  [
    '_http._tcp.db.ns.svc.cluster.local',
    'SRV',
    'NOERROR | SRV 0 50 8080 db-0.db.ns.svc.cluster.local | SRV 0 50 8080 10-244-0-4.db.ns.svc.cluster.local | + 10.244.0.3 10.244.0.4',
  ],
  ['none.ns.svc.cluster.local', 'A', 'NXDOMAIN | SOA'],
  ['out.ns.svc.cluster.local', 'A', 'NOERROR | CNAME example.com | -> example.com'],
  ['out.ns.svc.cluster.local', 'CNAME', 'NOERROR | CNAME example.com'],
  ['near.ns.svc.cluster.local', 'A', 'NOERROR | CNAME web.ns.svc.cluster.local | A 10.96.0.5'],
  ['near.ns.svc.cluster.local', 'TXT', 'NOERROR | CNAME web.ns.svc.cluster.local | SOA'],
  ['loop.ns.svc.cluster.local', 'A', 'SERVFAIL | SOA'],
  ['10-1-2-3.ns.pod.cluster.local', 'A', 'NOERROR | A 10.1.2.3'],
  ['10-1-2-3.ns.pod.cluster.local', 'AAAA', 'NOERROR | SOA'],
  ['fd00--5.ns.pod.cluster.local', 'AAAA', 'NOERROR | AAAA fd00::5'],
  ['10-1-2-3.gone.pod.cluster.local', 'A', 'NXDOMAIN | SOA'],
  ['10-1-2-333.ns.pod.cluster.local', 'A', 'NXDOMAIN | SOA'],
  ['x.10-1-2-3.ns.pod.cluster.local', 'A', 'NXDOMAIN | SOA'],
  ['empty.svc.cluster.local', 'A', 'NOERROR | SOA'],
  ['gone.svc.cluster.local', 'A', 'NXDOMAIN | SOA'],
  ['gone.ns.svc.cluster.local', 'A', 'NXDOMAIN | SOA'],
  ['svc.cluster.local', 'A', 'NOERROR | SOA'],
  ['cluster.local', 'SOA', `NOERROR | SOA ns.dns.cluster.local hostmaster.cluster.local 1 7200 1800 86400 5`],
  ['cluster.local', 'NS', 'NOERROR | NS ns.dns.cluster.local'],
  ['example.com', 'A', 'not ours'],
  ['notcluster.local', 'A', 'not ours'],
  ['constructor', 'A', 'not ours'],
  ['__proto__.ns.svc.cluster.local', 'A', 'NXDOMAIN | SOA'],
];

for (const [name, type, expected] of GOLDEN) {
  test(`${type} ${name}`, () => assert.equal(ask(name, type), expected));
}

test('an SRV query for the name itself lists all ports', () => {
  assert.match(ask('web.ns.svc.cluster.local', 'SRV'), /SRV 0 50 80 .*SRV 0 50 53 /);
});

test('a removed Service leaves nothing', () => {
  const mine = indexOf();
  for (const name of ['web', 'db', 'none', 'out', 'near', 'loop']) mine.replace(name, []);
  assert.equal(mine.nameCount, 0);
  assert.equal(mine.exists('cluster.local'), false);
  assert.equal(mine.exists('in-addr.arpa'), false);
});
