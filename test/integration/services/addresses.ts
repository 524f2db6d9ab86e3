/** ClusterIP, NodePort, hairpin, affinity: where a connection to a Service ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Service } from '@kapella/api/types/core-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { getOnce, runLoad } from '../../support/load.ts';
import { deployment, pod, service, WEB } from '../../support/manifests.ts';
import { NODE_IMAGE } from '../../support/node-image.ts';
import { openSession, type Session } from '../../support/session.ts';

export const ipOf = async (s: Session, name: string) =>
  (await s.get<Service>('v1', 'services', name)).spec.clusterIP ?? '';

export async function nodeAddress(cluster: TestCluster, s: Session): Promise<string> {
  const { status } = await s.api.get<Node>(`/api/v1/nodes/${cluster.name}`);
  return status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
}

/** Rules follow endpoints with a small delay. */
export const answers = (url: string) => eventually(`${url} answers`, async () => (await getOnce(url)) !== '');

export function addressTests(cluster: () => TestCluster): void {
  test('ClusterIP from a Pod, from the node, and spread over all Pods', async () => {
    const s = await openSession(cluster(), 'clusterip');
    await s.apply(deployment('web', 3, WEB), service('web'), pod('client'));
    await s.k('rollout status deployment/web --timeout=60s');
    await s.ready('client');
    const ip = await ipOf(s, 'web');
    assert.match(ip, /^10\.119\./);
    const names = (await s.pods('app=web')).map(({ metadata }) => metadata.name);
    await eventually('every Pod answers the node', async () => {
      const { answers: seen } = await runLoad(`http://${ip}/`, { requestsMin: 40 });
      return seen.size === 3 && [...seen.keys()].every((body) => names.includes(body.trim()));
    });
    const script = 'for i in $(seq 40); do wget -q -T 3 -O - http://web; done | sort -u';
    assert.deepEqual((await s.exec('client', script)).split('\n'), names.toSorted());
  });

  test('a Pod started after a Service knows its address from the environment', async () => {
    const s = await openSession(cluster(), 'env');
    await s.apply(service('web'));
    const ip = await ipOf(s, 'web');
    await s.apply(pod('client'), pod('quiet', { spec: { enableServiceLinks: false } }));
    await Promise.all([s.ready('client'), s.ready('quiet')]);
    assert.equal(await s.exec('client', 'echo $WEB_SERVICE_HOST:$WEB_SERVICE_PORT_HTTP'), `${ip}:80`);
    assert.equal(await s.exec('quiet', 'echo $WEB_SERVICE_HOST:$KUBERNETES_SERVICE_PORT'), ':443');
  });

  test('hairpin: a Pod reaches itself through its Service', async () => {
    const s = await openSession(cluster(), 'hairpin');
    // Its name is not the Service's: that would be in its own /etc/hosts.
    await s.apply(pod('self', { ...WEB, labels: { app: 'web' } }), service('web'));
    await s.ready('self');
    await answers(`http://${await ipOf(s, 'web')}/`);
    assert.equal(await s.exec('self', 'for i in 1 2 3; do wget -q -T 3 -O - http://web; done'), 'self\nself\nself');
  });

  test('NodePort: on the address of the node, from the node and from a Pod', async () => {
    const s = await openSession(cluster(), 'nodeport');
    await s.apply(pod('web', WEB), service('web', { type: 'NodePort' }), pod('client'));
    await Promise.all([s.ready('web'), s.ready('client')]);
    const { spec } = await s.get<Service>('v1', 'services', 'web');
    const port = spec.ports?.[0]?.nodePort ?? 0;
    assert.ok(port >= 30_000 && port <= 32_767, `node port ${port}`);
    const url = `http://${await nodeAddress(cluster(), s)}:${port}/`;
    await answers(url);
    assert.equal(await getOnce(url), 'web\n');
    assert.equal(await s.exec('client', `wget -q -T 3 -O - ${url}`), 'web');
    const taken = await s.try('create -f -', {
      input: JSON.stringify(service('other', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] })),
    });
    assert.match(taken.stderr, /spec\.ports\[0\]\.nodePort: Invalid value: \d+: provided port is already allocated/);
    await s.k('delete service web');
    await eventually('the port is closed', () =>
      getOnce(url, 500).then(
        () => false,
        () => true,
      ),
    );
  });

  test('sessionAffinity ClientIP: one client, one Pod', async () => {
    const s = await openSession(cluster(), 'affinity');
    await s.apply(deployment('web', 3, WEB), service('web', { sessionAffinity: 'ClientIP' }));
    await s.k('rollout status deployment/web --timeout=60s');
    const url = `http://${await ipOf(s, 'web')}/`;
    await answers(url);
    const { answers: seen, failures } = await runLoad(url, { requestsMin: 60 });
    assert.deepEqual(failures, []);
    assert.equal(seen.size, 1);
  });

  test('a Service without endpoints refuses at once', async () => {
    const s = await openSession(cluster(), 'nobody');
    await s.apply(service('web', { ports: [{ port: 80 }] }));
    const url = `http://${await ipOf(s, 'web')}/`;
    await eventually('it is refused', () =>
      getOnce(url, 1000).then(
        () => false,
        (error) => /ECONNREFUSED/.test(String(error)),
      ),
    );
  });

  test('several ports, named and numbered, TCP and UDP', async () => {
    const s = await openSession(cluster(), 'ports');
    const echo = `require('node:dgram').createSocket('udp4')
        .on('message', function (m, r) { this.send('udp:' + m, r.port, r.address) }).bind(9001);
      require('node:http').createServer((q, a) => a.end('tcp')).listen(9000)`;
    const ports = [
      { name: 'web', port: 80, targetPort: 'http' },
      { name: 'echo', port: 53, targetPort: 9001, protocol: 'UDP' },
    ];
    const container = { ports: [{ name: 'http', containerPort: 9000 }] };
    await s.apply(
      pod('server', { image: NODE_IMAGE, command: ['node', '-e', echo], container }),
      pod('client', { image: NODE_IMAGE }),
    );
    await s.apply(service('server', { ports }));
    await Promise.all([s.ready('server'), s.ready('client')]);
    await answers(`http://${await ipOf(s, 'server')}/`);
    const ask = `const u = require('node:dgram').createSocket('udp4'); u.on('message', (m) => { console.log(String(m)); process.exit() });
      setInterval(() => u.send('hi', 53, 'server'), 200); setTimeout(() => process.exit(3), 10000)`;
    assert.equal(await s.exec('client', `cat > /tmp/a.cjs <<'END'\n${ask}\nEND\nnode /tmp/a.cjs`), 'udp:hi');
  });
}
