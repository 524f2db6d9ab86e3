/**
 * Upstream's kube-controller-manager 1.36 on Kapella's API server, and Kapella's on upstream's API server and etcd: the
 * same cases in both arrangements, each controller under the service account and the role that upstream gives it. Then one
 * takes over from the other: no Pod may be made anew by that.
 */
import { preparePrograms } from '../../../bench/api-server/programs.ts';
import { startPeer } from '../../../bench/api-server/peers.ts';
import { runCases } from '../support/cases.ts';
import { kubectlFor } from '../support/commands.ts';
import { freePort, startHollowNodes } from '../support/control-plane.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';
import { cases, LASTING, type ManagerContext } from './cases.ts';
import { type Maker, startManager, startScheduler, writeKubeconfig } from './managers.ts';
import { eventually, type Obj, workload } from './objects.ts';

const NODES = 3;
/** How long a new manager may take to do harm after it leads. */
const WATCHED_MS = 10_000;

interface Arrangement {
  readonly server: Maker;
  readonly manager: Maker;
}

const ARRANGEMENTS: readonly Arrangement[] = [
  { server: 'kapella', manager: 'upstream' },
  { server: 'upstream', manager: 'kapella' },
];

export const controllerManager: UpstreamSuite = {
  name: 'controller-manager',
  text: 'kube-controller-manager 1.36 on our API server, ours on kube-apiserver 1.36, and one after the other',
  async run({ only }) {
    const results: SuiteResult[] = [];
    for (const arrangement of ARRANGEMENTS) results.push(await runArrangement(arrangement, only));
    return {
      passed: results.reduce((sum, { passed }) => sum + passed, 0),
      failures: results.flatMap(({ failures }) => failures),
    };
  },
};

async function runArrangement({ server, manager }: Arrangement, only: string | undefined): Promise<SuiteResult> {
  const programs = (await preparePrograms())[server];
  await using peer = await startPeer(programs, await freePorts());
  const kubeconfig = writeKubeconfig(peer);
  const kubectl = kubectlFor(kubeconfig);
  await using scheduler = await startScheduler(server, peer, kubeconfig);
  const first = await startManager(manager, peer, kubeconfig, { accounts: true });
  let isFirst = true;
  try {
    await using kwok = await startHollowNodes(peer.directory, kubeconfig, NODES);
    const where = `${manager} controllers on ${server} API server: `;
    const named = cases.map((each) => ({ ...each, name: where + each.name }));
    const takeOver = {
      name: `${where}another takes over, and makes no Pod anew`,
      async run(context: ManagerContext) {
        const other = manager === 'kapella' ? 'upstream' : 'kapella';
        await changeManagers(context, async () => {
          await first[Symbol.asyncDispose]();
          isFirst = false;
          return startManager(other, peer, kubeconfig, { accounts: true });
        });
      },
    };
    const result = await runCases([...named, takeOver], { kubectl, nodes: NODES }, only);
    for (const each of [kwok, scheduler]) await each.check();
    return result;
  } finally {
    if (isFirst) await first[Symbol.asyncDispose]();
  }
}

/** Three ports in a row, most likely: the server's, and two of etcd's. */
const freePorts = async (): Promise<number> => freePort();

async function changeManagers(
  { kubectl }: ManagerContext,
  change: () => Promise<AsyncDisposable & { check(): Promise<void> }>,
): Promise<void> {
  await kubectl.apply(...LASTING.map(([kind, name, spec]) => workload(kind, name, spec)));
  const all = LASTING.map(([kind, name]) => `${kind.toLowerCase()}/${name}`);
  for (const each of all) await kubectl(`rollout status ${each} --timeout=120s`);
  const selector = `app in (${LASTING.map(([, name]) => name).join(',')})`;
  const uids = async () => {
    const { items } = await kubectl.get<{ items: Obj[] }>(`pods,replicasets -l "${selector}"`);
    return items
      .map(({ metadata }) => metadata.uid)
      .sort()
      .join('\n');
  };
  const before = await uids();
  const holder = async () =>
    (await kubectl.get('lease -n kube-system kube-controller-manager')).spec?.['holderIdentity'];
  const last = await holder();
  await using next = await change();
  await eventually('the other leads', async () => {
    await next.check();
    const now = await holder();
    return now !== last && now !== '' && now !== undefined;
  });
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  if ((await uids()) !== before) throw new Error('Pods or ReplicaSets were made anew');
  // The new one knows which revision is which: only this makes new Pods.
  await kubectl('set image deployment/lasting c=registry.example/two');
  await kubectl('rollout undo deployment/lasting');
  for (const each of all) await kubectl(`rollout status ${each} --timeout=120s`);
  await kubectl('scale deployment/lasting --replicas=1');
  await kubectl(`delete ${all.join(' ')} --timeout=60s`);
}
