/** Upstream's own control plane on this machine: etcd, kube-apiserver, kube-controller-manager, kube-scheduler. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createClient } from '@kapella/client';
import { createHttpsTransport } from '@kapella/client/node';
import { bootstrapCluster } from '@kapella/control-plane';
import { kubeconfigYaml } from '@kapella/control-plane/node';
import { ensureClusterPki } from '../../../packages/distro/src/pki/node/cluster-pki.ts';
import { eventually, run } from '../../support/cluster.ts';
import { freePort } from '../support/control-plane.ts';
import { type BackgroundProcess, startProcess } from '../support/processes.ts';
import { type UpstreamProgram, upstreamProgram } from '../support/programs.ts';

const READY_MS_MAX = 120_000;

export interface Plane extends AsyncDisposable {
  /** Of an administrator, for clients of this machine. */
  readonly kubeconfig: string;
  /** For clients elsewhere. */
  readonly url: string;
  readonly processes: readonly BackgroundProcess[];
}

export interface PlaneOptions {
  /** Keys and data. */
  readonly directory: string;
  /** For logs. */
  readonly results: string;
  /** Under which nodes reach the API server. */
  readonly address: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly serviceAddress: string;
  readonly dnsAddress: string;
}

/** Resolves when the API answers and holds what Kapella's node agents ask of a cluster. */
export async function startPlane(options: PlaneOptions): Promise<Plane> {
  const { directory, results, address } = options;
  const ctx = hostCtx(new AbortController().signal, silentLogger);
  const hosts = ['127.0.0.1', address, options.serviceAddress, 'kubernetes.default.svc'];
  const pki = await ensureClusterPki({ directory: join(directory, 'pki'), apiServerHosts: hosts, nowMs: Date.now() });
  const port = await freePort();
  const local = `https://127.0.0.1:${port}`;
  const kubeconfig = join(directory, 'admin.kubeconfig');
  const content = kubeconfigYaml({ name: 'upstream', server: local, caCert: pki.ca.cert, user: pki.admin });
  writeFileSync(kubeconfig, content, { mode: 0o600 });
  await using stack = new AsyncDisposableStack();
  const processes: BackgroundProcess[] = [];
  const start = async (name: UpstreamProgram, args: readonly string[]) =>
    void processes.push(stack.use(startProcess(results, { name, program: await upstreamProgram(name), args })));
  const etcd = await etcdFlags(directory);
  await start('etcd', etcd.flags);
  await start('kube-apiserver', [...apiServerFlags(options, port), `--etcd-servers=${etcd.url}`]);
  await eventually(
    'the API server is ready',
    async () => {
      for (const process of processes) await process.check();
      return (await run('kubectl', ['--kubeconfig', kubeconfig, 'get', '--raw', '/readyz'], {})).code === 0;
    },
    READY_MS_MAX,
  );
  await start('kube-controller-manager', managerFlags(options, kubeconfig));
  await start('kube-scheduler', [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    '--secure-port=0',
  ]);
  const transport = createHttpsTransport({ server: local, ca: pki.ca.cert, ...pki.admin });
  await bootstrapCluster(
    createClient(transport, { userAgent: 'kapella-bootstrap' }),
    {
      ...{ serviceAddress: options.serviceAddress, dnsAddress: options.dnsAddress, apiAddress: address, apiPort: port },
      ...{ clientCa: pki.ca.cert, requestHeaderCa: pki.frontProxyCa.cert },
      clusterInfo: { server: `https://${address}:${port}`, ca: pki.ca.cert },
      nodeSettings: {
        ...{ podCidr: options.podCidr, serviceCidr: options.serviceCidr },
        ...{ clusterDomain: 'cluster.local', dnsAddress: options.dnsAddress },
      },
    },
    ctx,
  );
  await transport.close();
  const owned = stack.move();
  return {
    kubeconfig,
    url: `https://${address}:${port}`,
    processes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function etcdFlags(directory: string): Promise<{ readonly url: string; readonly flags: readonly string[] }> {
  const [url, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const data = join(directory, 'etcd');
  mkdirSync(data, { mode: 0o700 });
  const flags = [
    `--data-dir=${data}`,
    ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
    ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`],
  ];
  return { url, flags };
}

function apiServerFlags({ directory, address, serviceCidr }: PlaneOptions, port: number): readonly string[] {
  const key = (name: string) => join(directory, 'pki', name);
  return [
    ...[`--secure-port=${port}`, '--bind-address=0.0.0.0', `--advertise-address=${address}`],
    ...[`--tls-cert-file=${key('apiserver.crt')}`, `--tls-private-key-file=${key('apiserver.key')}`],
    ...[`--client-ca-file=${key('ca.crt')}`, `--kubelet-certificate-authority=${key('ca.crt')}`],
    `--kubelet-client-certificate=${key('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${key('apiserver-kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    ...[`--service-account-key-file=${key('sa.key')}`, `--service-account-signing-key-file=${key('sa.key')}`],
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    ...[`--service-cluster-ip-range=${serviceCidr}`, '--authorization-mode=Node,RBAC', '--allow-privileged'],
    ...['--enable-admission-plugins=NodeRestriction', '--enable-bootstrap-token-auth'],
    ...[
      `--requestheader-client-ca-file=${key('front-proxy-ca.crt')}`,
      '--requestheader-username-headers=X-Remote-User',
    ],
    ...['--requestheader-group-headers=X-Remote-Group', '--requestheader-extra-headers-prefix=X-Remote-Extra-'],
    ...[
      `--proxy-client-cert-file=${key('front-proxy-client.crt')}`,
      `--proxy-client-key-file=${key('front-proxy-client.key')}`,
    ],
  ];
}

function managerFlags({ directory, podCidr }: PlaneOptions, kubeconfig: string): readonly string[] {
  const key = (name: string) => join(directory, 'pki', name);
  return [
    ...[`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--bind-address=127.0.0.1', '--secure-port=0'],
    ...[`--cluster-signing-cert-file=${key('ca.crt')}`, `--cluster-signing-key-file=${key('ca.key')}`],
    ...[`--root-ca-file=${key('ca.crt')}`, `--service-account-private-key-file=${key('sa.key')}`],
    ...['--use-service-account-credentials', '--controllers=*,bootstrap-signer-controller,token-cleaner-controller'],
    ...['--allocate-node-cidrs', `--cluster-cidr=${podCidr}`],
  ];
}
