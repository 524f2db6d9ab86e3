/**
 * The operator of examples/, unchanged, as a program of its own against upstream's kube-apiserver with etcd, and against
 * Kapella's: the same cases on both. Controllers and nodes are not there: the cases say what a StatefulSet's would.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preparePrograms } from '../../../bench/api-server/programs.ts';
import { type Peer, type PeerPrograms, startPeer } from '../../../bench/api-server/peers.ts';
import { freePort } from '../support/control-plane.ts';
import { runCases } from '../support/cases.ts';
import { kubectlFor, succeed } from '../support/commands.ts';
import { startProcess } from '../support/processes.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';
import { REDIS_CASES } from './redis-operator.cases.ts';

const MAIN = join(import.meta.dirname, '../../../examples/redis-operator/main.ts');

/** `only`: a regular expression that narrows the cases. */
export const redisOperator: UpstreamSuite = {
  name: 'redis-operator',
  text: "the tutorial operator, unchanged, on upstream's kube-apiserver with etcd and on Kapella's",
  async run({ only }) {
    const programs = await preparePrograms();
    const results = [await runOn(programs.upstream, only), await runOn(programs.kapella, only)];
    return {
      passed: results.reduce((sum, { passed }) => sum + passed, 0),
      failures: results.flatMap(({ failures }) => failures),
    };
  },
};

async function runOn(programs: PeerPrograms, only: string | undefined): Promise<SuiteResult> {
  await using peer = await startPeer(programs, await freePort());
  const directory = mkdtempSync(join(tmpdir(), 'kapella-redis-'));
  try {
    const kubeconfig = writeKubeconfig(peer, directory);
    const certificate = await writeCertificate(directory);
    await using operator = startProcess(directory, {
      name: 'redis-operator',
      program: process.execPath,
      args: [MAIN],
      env: { KUBECONFIG: kubeconfig, WEBHOOK_URL: 'https://127.0.0.1:9443', ...certificate },
    });
    process.stdout.write(`on ${programs.name}\n`);
    return await runCases(REDIS_CASES, { kubectl: kubectlFor(kubeconfig), operator }, only);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function writeKubeconfig(peer: Peer, directory: string): string {
  const path = join(directory, 'kubeconfig');
  const certificate = readFileSync(peer.caFile).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'it',
    clusters: [{ name: 'it', cluster: { server: peer.url, 'certificate-authority-data': certificate } }],
    users: [{ name: 'it', user: { token: readFileSync(peer.tokenFile, 'utf8') } }],
    contexts: [{ name: 'it', context: { cluster: 'it', user: 'it' } }],
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

async function writeCertificate(directory: string): Promise<{ readonly TLS_CERT: string; readonly TLS_KEY: string }> {
  const [certificate, key] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  const subject = ['-subj', '/CN=redis-operator', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await succeed('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', certificate]);
  return { TLS_CERT: certificate, TLS_KEY: key };
}
