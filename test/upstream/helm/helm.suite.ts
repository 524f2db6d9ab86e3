/** Helm 4 and 3 against a control plane with hollow nodes: what a user of charts does, release by release. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCases } from '../support/cases.ts';
import { fail, kubectlFor, succeed } from '../support/commands.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { HELM_CASES } from './helm.cases.ts';
import { HELM4_CASES } from './helm4.cases.ts';

/** Helm's own limits are shorter: this ends a client that hangs. */
const COMMAND_MS_MAX = 150_000;

/** `only`: a regular expression that narrows the cases. */
export const helm4 = helmSuite(4);
export const helm3 = helmSuite(3);

function helmSuite(version: 3 | 4): UpstreamSuite {
  return {
    name: `helm${version}`,
    text: `Helm ${version}: install, upgrade, rollback, test, uninstall, hooks, waits, three-way merges`,
    async run({ only }) {
      const program = await upstreamProgram(`helm${version}`);
      await using cluster = await startControlPlane({ hollowNodes: 2 });
      const home = mkdtempSync(join(tmpdir(), 'kapella-helm-'));
      const env = {
        KUBECONFIG: cluster.kubeconfig,
        HELM_CACHE_HOME: join(home, 'cache'),
        HELM_CONFIG_HOME: join(home, 'config'),
        HELM_DATA_HOME: join(home, 'data'),
      };
      const context = {
        version,
        helm: (args: readonly string[]) => succeed(program, args, { env, timeoutMs: COMMAND_MS_MAX }),
        helmFails: (args: readonly string[]) => fail(program, args, { env, timeoutMs: COMMAND_MS_MAX }),
        kubectl: kubectlFor(cluster.kubeconfig),
      };
      try {
        return await runCases(version === 4 ? [...HELM_CASES, ...HELM4_CASES] : HELM_CASES, context, only);
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    },
  };
}
