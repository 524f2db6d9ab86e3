/**
 * Upstream's kube-scheduler 1.36 on Kapella's API server, and Kapella's on upstream's API server and etcd: the same cases
 * in both arrangements, on hollow nodes.
 */
import { startPeer } from '../../../bench/api-server/peers.ts';
import { preparePrograms } from '../../../bench/api-server/programs.ts';
import { type Maker, startManager, startScheduler, writeKubeconfig } from '../controller-manager/managers.ts';
import { runCases } from '../support/cases.ts';
import { kubectlFor } from '../support/commands.ts';
import { freePort, startHollowNodes } from '../support/control-plane.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';
import { cases, NODES, ZONE } from './scheduler-swap.cases.ts';

interface Arrangement {
  readonly server: Maker;
  readonly scheduler: Maker;
}

const ARRANGEMENTS: readonly Arrangement[] = [
  { server: 'kapella', scheduler: 'upstream' },
  { server: 'upstream', scheduler: 'kapella' },
];

/** `only`: a regular expression that narrows the cases. */
export const schedulerSwap: UpstreamSuite = {
  name: 'scheduler-swap',
  text: 'kube-scheduler 1.36 on our API server, and ours on kube-apiserver 1.36',
  async run({ only }) {
    const results: SuiteResult[] = [];
    for (const arrangement of ARRANGEMENTS) results.push(await runArrangement(arrangement, only));
    return {
      passed: results.reduce((sum, { passed }) => sum + passed, 0),
      failures: results.flatMap(({ failures }) => failures),
    };
  },
};

async function runArrangement(
  { server, scheduler: maker }: Arrangement,
  only: string | undefined,
): Promise<SuiteResult> {
  const programs = (await preparePrograms())[server];
  await using peer = await startPeer(programs, await freePort());
  const kubeconfig = writeKubeconfig(peer);
  const kubectl = kubectlFor(kubeconfig);
  await using scheduler = await startScheduler(maker, peer, kubeconfig);
  await using manager = await startManager('kapella', peer, kubeconfig, { accounts: false });
  await using kwok = await startHollowNodes(peer.directory, kubeconfig, NODES.length);
  for (const [i, node] of NODES.entries()) await kubectl(`label node ${node} ${ZONE}=zone-${i}`);
  const where = `${maker} scheduler on ${server} API server: `;
  const named = cases.map((each) => ({ ...each, name: where + each.name }));
  const result = await runCases(named, { kubectl }, only);
  for (const each of [kwok, scheduler, manager]) await each.check();
  return result;
}
