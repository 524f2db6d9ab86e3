/** Upstream's e2e.test on a control plane with hollow nodes: the conformance specs that need no real container. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startControlPlane } from '../support/control-plane.ts';
import { readSpecs, runSpecs } from '../support/e2e-test.ts';
import { upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';

const SPECS = join(import.meta.dirname, 'control-plane-specs.txt');

/** `only`: a regular expression that narrows the specs. */
export const e2e: UpstreamSuite = {
  name: 'e2e',
  text: "e2e.test of Kubernetes 1.36, specs that need no real container, on kwok's nodes",
  async run({ only, results }) {
    const specs = readSpecs(SPECS, only);
    for (const program of ['ginkgo', 'e2e.test'] as const) await upstreamProgram(program);
    await using cluster = await startControlPlane({ apiPort: 26_443, hollowNodes: 3 });
    mkdirSync(results, { recursive: true });
    try {
      const { kubeconfig } = cluster;
      return await runSpecs({ specs, kubeconfig, kubectl: 'kubectl', results, processes: 6, minutesMax: 20 });
    } finally {
      for (const log of ['server.log', 'kwok.log']) {
        if (existsSync(join(cluster.directory, log))) copyFileSync(join(cluster.directory, log), join(results, log));
      }
    }
  },
};
