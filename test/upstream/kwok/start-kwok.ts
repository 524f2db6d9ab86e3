/** kwok with its custom resources, at an address that the API server reaches as that of every node. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Kubectl, succeed } from '../support/commands.ts';
import { freePort } from '../support/control-plane.ts';
import type { OnControlPlane } from '../support/on-control-plane.ts';
import { type BackgroundProcess, startProcess } from '../support/processes.ts';
import { upstreamModule, upstreamProgram } from '../support/programs.ts';

const STAGES = ['node/fast', 'node/heartbeat-with-lease', 'pod/fast'];
const CRDS = 'Stage,ClusterLogs,ClusterExec,ClusterPortForward,Metric,ClusterResourceUsage';

/** Its definitions are established and its stages are there; nodes are made by the caller. */
export async function startKwok({ cluster, kubectl, directory }: OnControlPlane): Promise<BackgroundProcess> {
  const program = await upstreamProgram('kwok');
  const module = await upstreamModule('kwok', 'sigs.k8s.io/kwok');
  await kubectl(`apply -f ${join(module, 'kustomize/crd/bases')}`);
  await kubectl('wait --for condition=Established crd --all --timeout 30s');
  for (const folder of STAGES) await applyStages(kubectl, join(module, 'kustomize/stage', folder));
  const port = await freePort();
  const args = [
    `--kubeconfig=${cluster.kubeconfig}`,
    `--enable-crds=${CRDS}`,
    '--manage-all-nodes=true',
    '--node-lease-duration-seconds=8',
    '--node-ip=127.0.0.1',
    `--node-port=${port}`,
    `--server-address=127.0.0.1:${port}`,
    ...(await servingCertificate(join(cluster.directory, 'data/pki'), directory)),
  ];
  return startProcess(directory, { name: 'kwok', program, args });
}

async function applyStages(kubectl: Kubectl, folder: string): Promise<void> {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml'))
    await kubectl('apply -f -', { input: readFileSync(join(folder, file), 'utf8') });
}

/** What a kubelet has after its request for a serving certificate: one of the cluster's authority. */
async function servingCertificate(pki: string, directory: string): Promise<string[]> {
  const [key, request, certificate] = ['tls.key', 'tls.csr', 'tls.crt'].map((name) => join(directory, name));
  const subject = ['-subj', '/O=system:nodes/CN=system:node:kwok', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await succeed('openssl', [
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${key}`,
    '-out',
    `${request}`,
    ...subject,
  ]);
  const authority = ['-CA', join(pki, 'ca.crt'), '-CAkey', join(pki, 'ca.key'), '-CAcreateserial'];
  const serial = ['-CAserial', join(directory, 'ca.srl')];
  await succeed('openssl', [
    'x509',
    '-req',
    '-in',
    `${request}`,
    '-out',
    `${certificate}`,
    '-days',
    '2',
    ...authority,
    ...serial,
    '-copy_extensions',
    'copy',
  ]);
  return [`--tls-cert-file=${certificate}`, `--tls-private-key-file=${key}`];
}
