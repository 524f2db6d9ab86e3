/** A second machine, played by a network namespace, becomes a node for a token; its certificates come from the cluster. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import type { ClusterOptions } from '@kapella/cli';
import { memberAt, type Cable, cableNetworks } from '../../../packages/distro/src/cluster/members.ts';
import { inNamespace, layCable, removeCable, removeCableRules } from '../../../packages/distro/src/host/node/cables.ts';
import { eventually, run, startCluster, type TestCluster } from '../../support/cluster.ts';
import { BUSYBOX } from '../../support/images.ts';
import { importImage } from '../../../packages/distro/src/host/node/ctr.ts';
import { runtimePaths } from '../../../packages/distro/src/host/paths.ts';
import { busyboxRecipe } from '@kapella/tools/images';

const NAME = 't-join';
const OTHER = 't-join-2';
const API_PORT = 16_453;
const POD_CIDR = '10.126.0.0/16';
const KAPELLA = join(import.meta.dirname, '../../../kapella');

let cluster: TestCluster;
let cable: Cable;
let directory: string;
let agent: ChildProcess;
let said = '';

const SERVE = 'echo hello from afar; mkdir /w; echo by the tunnel > /w/index.html; exec httpd -f -p 8080 -h /w';

const ctx = hostCtx(new AbortController().signal, silentLogger);

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kapella-t-join-2-'));
  cluster = await startCluster({
    name: NAME,
    apiPort: API_PORT,
    podCidr: POD_CIDR,
    serviceCidr: '10.127.0.0/16',
    args: ['--pod-network', 'vxlan'],
  });
  const place = { name: NAME, podCidr: POD_CIDR, dataDir: directory, nodeName: NAME } as ClusterOptions;
  cable = memberAt(place, 9).cable as Cable;
  await layCable({ clusterName: NAME, cable, networks: cableNetworks(place), podCidr: POD_CIDR }, ctx);
});

after(async () => {
  agent?.kill('SIGTERM');
  await run(KAPELLA, ['reset', '--name', OTHER, '--data-dir', directory, '--yes'], { timeoutMs: 120_000 });
  if (cable !== undefined) await removeCable(cable);
  await removeCableRules(NAME);
  await cluster?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

function start(args: readonly string[]): ChildProcess {
  said = '';
  const server = `https://${cable.machineAddress}:${API_PORT}`;
  const place = ['--name', OTHER, '--data-dir', directory, '--node-name', OTHER, '--yes'];
  const words = [...inNamespace(cable), KAPELLA, 'node', 'join', '--server', server, ...place, ...args];
  const child = spawn(words[0] as string, words.slice(1));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-20_000)));
  }
  return child;
}

async function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
  return child.exitCode ?? -1;
}

async function becomesReady(): Promise<void> {
  try {
    await cluster.kubectl(`wait --for=condition=Ready node/${OTHER} --timeout=5s`);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error });
  }
}

async function newToken(): Promise<{ readonly token: string; readonly caCertHash: string }> {
  const { stdout } = await cluster.kapella('token create --ttl 1h --output json');
  const { result } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
  return result;
}

const fileOf = (name: string) => readFileSync(`${directory}/node/pki/kubelet-${name}-current.pem`, 'utf8');

test('a token of the wrong cluster, or a CA of another key, joins nothing', async () => {
  const wrong = `sha256:${'0'.repeat(64)}`;
  const { token } = await newToken();
  const pinned = start(['--token', token, '--ca-cert-hash', wrong]);
  assert.notEqual(await ended(pinned), 0);
  assert.match(said, /the server's CA has the key sha256:/);
  const unknown = start(['--token', 'zzzzzz.0123456789abcdef', '--ca-cert-hash', wrong]);
  assert.notEqual(await ended(unknown), 0);
  assert.match(said, /does not know the token zzzzzz/);
});

test('a machine joins, runs Pods, and answers through the API server', async () => {
  const { token, caCertHash } = await newToken();
  const spki = new X509Certificate(readFileSync(`${cluster.dataDir}/pki/ca.crt`)).publicKey;
  const hash = createHash('sha256')
    .update(spki.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  assert.equal(caCertHash, `sha256:${hash}`);
  agent = start(['--token', token, '--ca-cert-hash', caCertHash]);
  await eventually('the node is Ready', () => becomesReady().then(() => true), 120_000);
  await importImage((await busyboxRecipe.build({})).tarPath, { paths: runtimePaths(OTHER, directory) });
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'far' },
    spec: {
      nodeName: OTHER,
      containers: [{ name: 'main', image: BUSYBOX, command: ['sh', '-c', SERVE] }],
    },
  });
  await cluster.kubectl('wait --for=condition=Ready pod/far --timeout=90s');
  // Logs and exec need the serving certificate that the cluster has signed.
  await eventually('its log is read', async () => (await cluster.kubectl('logs far')).includes('hello from afar'));
  assert.equal((await cluster.kubectl('exec far -- echo hi')).trim(), 'hi');
  const lookup = await cluster.kubectl('exec far -- nslookup kubernetes.default.svc.cluster.local');
  assert.match(lookup, /10\.127\.0\.1/);
  const podIp = await cluster.kubectl('get pod far -o jsonpath={.status.podIP}');
  await eventually('the first node knows the tunnel', async () =>
    (await run('ip', ['route', 'get', podIp], {})).stdout.includes('dev kapella126-vx'),
  );
  await eventually('the Pod answers through it', async () => {
    const answer = await fetch(`http://${podIp}:8080/`, { signal: AbortSignal.timeout(10_000) });
    return (await answer.text()) === 'by the tunnel\n';
  });
});

test('its certificates are its own: client, network, serving; and it may not act for another node', async () => {
  const subjects = ['client', 'network', 'serving'].map((name) => new X509Certificate(fileOf(name)).subject);
  assert.deepEqual(
    subjects.map((text) => text.split('\n').sort().join()),
    [
      `CN=system:node:${OTHER},O=system:nodes`,
      `CN=kapella:node-network:${OTHER},O=kapella:node-network`,
      `CN=system:node:${OTHER},O=system:nodes`,
    ],
  );
  assert.match(await cluster.kubectl('get csr'), /kubernetes\.io\/kubelet-serving .*Approved,Issued/);
});

test('the agent starts again without a token', async () => {
  agent.kill('SIGTERM');
  assert.equal(await ended(agent), 0);
  agent = start([]);
  await eventually('the agent says that it is ready', async () => said.includes('takes Pods'), 60_000);
  assert.equal((await cluster.kubectl('exec far -- echo still here')).trim(), 'still here');
});
