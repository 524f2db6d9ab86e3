/** Flux's kustomize-controller against a control plane with hollow nodes; sources are made by the suite. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCases } from '../support/cases.ts';
import { freePort } from '../support/control-plane.ts';
import { onControlPlane } from '../support/on-control-plane.ts';
import { startProcess } from '../support/processes.ts';
import { downloadModule, upstreamModule, upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { serveArtifacts } from './artifacts.ts';
import { KUSTOMIZE_CASES } from './kustomize-controller.cases.ts';

/** The kinds of sources are its definitions. */
const SOURCE_CONTROLLER = 'github.com/fluxcd/source-controller@v1.9.6';

/** `only`: a regular expression that narrows the cases. */
export const kustomizeController: UpstreamSuite = {
  name: 'kustomize-controller',
  text: "Flux's kustomize-controller 1.9: applies, waits, prunes, corrects drift, substitutes, tells what is wrong",
  async run({ only }) {
    const program = await upstreamProgram('kustomize-controller');
    const own = await upstreamModule('kustomize-controller', 'github.com/fluxcd/kustomize-controller');
    const modules = [await downloadModule(SOURCE_CONTROLLER), own];
    return onControlPlane({ hollowNodes: 2 }, async ({ cluster, kubectl, directory }) => {
      for (const module of modules) {
        const folder = join(module, 'config/crd/bases');
        for (const file of readdirSync(folder)) await kubectl(`create -f ${join(folder, file)}`);
      }
      await kubectl('wait --for condition=Established crd --all --timeout 30s');
      await kubectl('create namespace flux-system');
      await using artifacts = await serveArtifacts(kubectl, directory);
      const health = await freePort();
      const args = [
        '--requeue-dependency=2s',
        `--health-addr=127.0.0.1:${health}`,
        `--metrics-addr=127.0.0.1:${await freePort()}`,
      ];
      const env = { RUNTIME_NAMESPACE: 'flux-system', KUBECONFIG: cluster.kubeconfig };
      await using controller = startProcess(directory, { name: 'kustomize-controller', program, args, env });
      return await runCases(KUSTOMIZE_CASES, { kubectl, artifacts, controller, health }, only);
    });
  },
};
