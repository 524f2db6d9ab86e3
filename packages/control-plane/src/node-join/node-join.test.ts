/** Which certificates a node gets for the asking. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOfNodeRequest } from './node-join.ts';

const request = (more: object = {}) => ({
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: ['n1'],
  emailAddresses: [],
  ipAddresses: ['192.0.2.7'],
  uris: [],
  ...more,
});
const spec = (more: object = {}) => ({
  spec: {
    request: '',
    signerName: 'kubernetes.io/kubelet-serving',
    username: 'system:node:n1',
    groups: ['system:nodes', 'system:authenticated'],
    usages: [],
    ...more,
  },
});
const node = { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.7' }] } };

test('a serving certificate for the node’s own name and addresses only', () => {
  assert.equal(faultOfNodeRequest(spec(), request(), node), undefined);
  const other = request({ ipAddresses: ['192.0.2.8'] });
  assert.equal(faultOfNodeRequest(spec(), other, node), '192.0.2.8 is no address of node n1');
  assert.match(faultOfNodeRequest(spec(), request(), undefined) ?? '', /no address/);
  assert.equal(faultOfNodeRequest(spec(), request({ commonName: 'system:node:n2' }), node), 'for another node');
  const user = spec({ username: 'jane', groups: ['system:nodes'] });
  assert.equal(faultOfNodeRequest(user, request(), node), 'not asked for by a node');
  assert.equal(faultOfNodeRequest(spec({ groups: [] }), request(), node), 'not asked for by a node');
  assert.match(faultOfNodeRequest(spec(), request({ uris: ['a:b'] }), node) ?? '', /URIs/);
});

test('a client certificate for the node’s own proxy only', () => {
  const signer = spec({ signerName: 'kubernetes.io/kube-apiserver-client' });
  const network = { organizations: ['kapella:node-network'], dnsNames: [], ipAddresses: [] };
  const own = request({ ...network, commonName: 'kapella:node-network:n1' });
  assert.equal(faultOfNodeRequest(signer, own, undefined), undefined);
  const masters = request({ ...network, organizations: ['system:masters'], commonName: 'kapella:node-network:n1' });
  assert.match(faultOfNodeRequest(signer, masters, node) ?? '', /not for the proxy/);
  const both = request({ ...network, organizations: ['kapella:node-network', 'system:masters'] });
  assert.match(faultOfNodeRequest(signer, both, node) ?? '', /not for the proxy/);
  const other = request({ ...network, commonName: 'kapella:node-network:n2' });
  assert.match(faultOfNodeRequest(signer, other, node) ?? '', /not for the proxy/);
});
