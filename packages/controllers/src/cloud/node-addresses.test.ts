/** Load balancers that are the nodes' own addresses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesFor, portProblem } from './node-addresses.ts';

const service = (name: string, ports: object[], rest: object = {}, ingress: object[] = []) =>
  ({ metadata: { name, namespace: 'd' }, spec: { ports, ...rest }, status: { loadBalancer: { ingress } } }) as never;
const node = (...addresses: [type: string, address: string][]) =>
  ({
    metadata: { name: 'n' },
    status: { addresses: addresses.map(([type, address]) => ({ type, address })) },
  }) as never;

test('outer addresses before inner ones, of the Service’s families, each once', () => {
  const nodes = [
    node(['InternalIP', '10.0.0.2'], ['Hostname', 'a']),
    node(['InternalIP', '10.0.0.1'], ['ExternalIP', '192.0.2.1'], ['InternalIP', 'fd00::1']),
    node(['InternalIP', '10.0.0.2'], ['InternalIP', 'fd00::2']),
  ];
  const ips = (rest: object) => addressesFor(service('s', [], rest), nodes).ingress?.map(({ ip }) => ip);
  assert.deepEqual(ips({}), ['10.0.0.2', '192.0.2.1']);
  assert.deepEqual(ips({ ipFamilies: ['IPv4', 'IPv6'] }), ['10.0.0.2', '192.0.2.1', 'fd00::2']);
  assert.deepEqual(ips({ loadBalancerIP: '10.0.0.2' }), ['10.0.0.2']);
  assert.deepEqual(ips({ loadBalancerIP: '10.9.9.9' }), []);
});

test('one port for one Service, and none of the machine’s own', () => {
  const other = service('other', [{ port: 80 }, { port: 53, protocol: 'UDP' }], {}, [{ ip: '10.0.0.1' }]);
  const idle = service('idle', [{ port: 81 }]);
  const problem = (ports: object[], name = 's') => portProblem(service(name, ports), [other, idle], new Set([22]));
  assert.equal(problem([{ port: 80 }]), 'port 80 is taken by Service d/other; choose another');
  assert.equal(problem([{ port: 22 }]), 'port 22 belongs to the node itself; choose another');
  assert.equal(problem([{ port: 22, protocol: 'UDP' }]), undefined);
  assert.equal(problem([{ port: 53 }]), undefined);
  assert.equal(problem([{ port: 81 }]), undefined);
  assert.equal(problem([{ port: 80 }], 'other'), undefined);
});
