/** kwok as its users install it: its CRDs, stages as objects, nodes and Pods by them, and its kubelet endpoint. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCases } from '../support/cases.ts';
import { kubectlFor, succeed } from '../support/commands.ts';
import { freePort, startControlPlane } from '../support/control-plane.ts';
import { startProcess } from '../support/processes.ts';
import { upstreamModule, upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { KWOK_CASES } from './kwok.cases.ts';

const STAGES = ['node/fast', 'node/heartbeat-with-lease', 'pod/fast'];
const CRDS = 'Stage,ClusterLogs,ClusterExec,ClusterPortForward,Metric,ClusterResourceUsage';

/** `only`: a regular expression that narrows the cases. */
export const kwok: UpstreamSuite = {
  name: 'kwok',
  text: 'kwok with its CRDs: stages of nodes and Pods, leases, logs, exec and port-forward through the API server',
  async run({ only }) {
    const program = await upstreamProgram('kwok');
    const module = await upstreamModule('kwok', 'sigs.k8s.io/kwok');
    await using cluster = await startControlPlane({ hollowNodes: 0 });
    const directory = mkdtempSync(join(tmpdir(), 'kapella-kwok-'));
    try {
      const kubectl = kubectlFor(cluster.kubeconfig);
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
      await using process = startProcess(directory, { name: 'kwok', program, args });
      return await runCases(KWOK_CASES, { kubectl, kubeconfig: cluster.kubeconfig, process, directory }, only);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function applyStages(kubectl: ReturnType<typeof kubectlFor>, folder: string): Promise<void> {
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
