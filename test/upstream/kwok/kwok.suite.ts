/** kwok as its users install it: its CRDs, stages as objects, nodes and Pods by them, and its kubelet endpoint. */
import { runCases } from '../support/cases.ts';
import { onControlPlane } from '../support/on-control-plane.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { KWOK_CASES } from './kwok.cases.ts';
import { startKwok } from './start-kwok.ts';

/** `only`: a regular expression that narrows the cases. */
export const kwok: UpstreamSuite = {
  name: 'kwok',
  text: 'kwok with its CRDs: stages of nodes and Pods, leases, logs, exec and port-forward through the API server',
  run: ({ only }) =>
    onControlPlane({ hollowNodes: 0 }, async (context) => {
      await using process = await startKwok(context);
      const { kubectl, directory, cluster } = context;
      return await runCases(KWOK_CASES, { kubectl, kubeconfig: cluster.kubeconfig, process, directory }, only);
    }),
};
