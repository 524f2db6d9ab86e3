/** Kapella's and upstream's API server, controller manager and scheduler, each started by the same flags. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from '../../../bench/api-server/peers.ts';
import { type BackgroundProcess, startProcess } from '../support/processes.ts';
import { upstreamProgram } from '../support/programs.ts';

export type Maker = 'kapella' | 'upstream';

const ROOT = join(import.meta.dirname, '../../..');
/** A flag that both take: upstream's own limit on requests would be what is measured, or waited for. */
const UNHINDERED = ['--kube-api-qps=5000', '--kube-api-burst=5000'];

/** A kubeconfig of the peer's administrator. */
export function writeKubeconfig({ url, caFile, tokenFile, directory }: Peer): string {
  const path = join(directory, 'admin.kubeconfig');
  const ca = readFileSync(caFile).toString('base64');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'a' },
    clusters: [{ name: 'a', cluster: { server: url, 'certificate-authority-data': ca } }],
    users: [{ name: 'a', user: { token: readFileSync(tokenFile, 'utf8') } }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

export interface ManagerOptions {
  /** Without them every controller has the administrator's rights. */
  readonly accounts: boolean;
  readonly flags?: readonly string[];
  /** With its own default limit on requests: 20 a second and 30 at once in upstream, none in Kapella. */
  readonly isHindered?: boolean;
}

export async function startManager(
  maker: Maker,
  { directory, caFile }: Peer,
  kubeconfig: string,
  { accounts, flags = [], isHindered = false }: ManagerOptions,
): Promise<BackgroundProcess> {
  const file = (name: string) => join(directory, name);
  const args = [
    ...[`--kubeconfig=${kubeconfig}`, '--secure-port=0', '--controllers=*', '--leader-elect=true'],
    ...[`--root-ca-file=${caFile}`, `--service-account-private-key-file=${file('sa.key')}`],
    ...[`--cluster-signing-cert-file=${file('tls.crt')}`, `--cluster-signing-key-file=${file('tls.key')}`],
    ...['--allocate-node-cidrs=true', '--cluster-cidr=10.244.0.0/16', `--use-service-account-credentials=${accounts}`],
    ...(isHindered ? [] : UNHINDERED),
    ...flags,
  ];
  return start(maker, directory, 'kube-controller-manager', args);
}

export async function startScheduler(
  maker: Maker,
  { directory }: Peer,
  kubeconfig: string,
): Promise<BackgroundProcess> {
  const args = [`--kubeconfig=${kubeconfig}`, '--secure-port=0', '--leader-elect=false', ...UNHINDERED];
  return start(maker, directory, 'kube-scheduler', args);
}

async function start(
  maker: Maker,
  directory: string,
  name: 'kube-controller-manager' | 'kube-scheduler',
  args: readonly string[],
): Promise<BackgroundProcess> {
  const process = { name: `${name}-${maker}` };
  if (maker === 'upstream') return startProcess(directory, { ...process, program: await upstreamProgram(name), args });
  return startProcess(directory, { ...process, program: join(ROOT, 'kapella'), args: [name, ...args] });
}
