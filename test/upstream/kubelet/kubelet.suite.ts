/**
 * Upstream's kubelet 1.36 and Kapella's node agent side by side, both nodes of Kapella's API server: the same cases and
 * the same specs of e2e.test on either. Needs root.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import { busyboxRecipe } from '@kapella/tools/images';
import { ensureKubectl } from '../../support/kubectl.ts';
import { buildImages, runtimeDir } from '../e2e-node/e2e-node.suite.ts';
import { runCases } from '../support/cases.ts';
import { readSpecs, runSpecs } from '../support/e2e-test.ts';
import type { SuiteResult, SuiteRun, UpstreamSuite } from '../support/suite.ts';
import { NODE_CASES } from './cases.ts';
import { startForeignNode } from './foreign-node.ts';

const SPECS = join(import.meta.dirname, 'specs.txt');
const CLUSTER = { name: 'kubelet', apiPort: 26_485, podCidr: '10.150.0.0/16', serviceCidr: '10.151.0.0/16' };
const MINUTES_MAX = 15;
const PROCESSES = 4;

/** `only`: a regular expression on cases and specs alike. */
export const kubelet: UpstreamSuite = {
  name: 'kubelet',
  text: "upstream's kubelet 1.36 joined to Kapella's API server beside Kapella's node agent: the same Pods and specs",
  async run(options) {
    mkdirSync(options.results, { recursive: true });
    const images = (await buildImages()).map(({ tarPath }) => tarPath);
    const busybox = (await busyboxRecipe.build({})).tarPath;
    const path = `${await runtimeDir()}:${process.env['PATH'] ?? ''}`;
    process.env['PATH'] = path; // the foreign node's containerd is started from here
    await using cluster = await startCluster({ ...CLUSTER, env: { PATH: path } });
    const loaded = await cluster.kapella(`image load ${images.join(' ')}`, { timeoutMs: 300_000 });
    assert.equal(loaded.code, 0, loaded.stdout + loaded.stderr);
    await using foreign = await startForeignNode({
      ...{ cluster, podCidr: CLUSTER.podCidr, dnsAddress: '10.151.0.10' },
      ...{ images: [busybox, ...images], results: options.results },
    });
    const results: SuiteResult[] = [];
    for (const [own, other] of [
      [foreign.name, cluster.name],
      [cluster.name, foreign.name],
    ] as const) {
      const label = own === foreign.name ? 'upstream' : 'kapella';
      const cases = NODE_CASES.map(({ name, run }) => ({ name: `${label}: ${name}`, run }));
      results.push(await only(options, () => runCases(cases, { cluster, own, other }, options.only)));
      results.push(await only(options, () => judge(options, cluster, other, label)));
    }
    return {
      passed: results.reduce((sum, { passed }) => sum + passed, 0),
      failures: results.flatMap(({ failures }) => failures),
    };
  },
};

/** A pattern that matches cases alone, or specs alone, is no mistake. */
async function only({ only }: SuiteRun, run: () => Promise<SuiteResult>): Promise<SuiteResult> {
  try {
    return await run();
  } catch (error) {
    if (only === undefined || !/matches/.test(String(error))) throw error;
    return { passed: 0, failures: [] };
  }
}

/** Specs go where they may: the other node takes none meanwhile. */
async function judge(options: SuiteRun, cluster: TestCluster, other: string, label: string): Promise<SuiteResult> {
  const specs = readSpecs(SPECS, options.only);
  await cluster.kubectl(`cordon ${other}`);
  try {
    const results = join(options.results, label);
    const kubectl = await ensureKubectl();
    const limits = { processes: PROCESSES, minutesMax: MINUTES_MAX };
    const { passed, failures } = await runSpecs({ specs, kubeconfig: cluster.kubeconfig, kubectl, results, ...limits });
    process.stdout.write(`${label}: ${passed} specs passed, ${failures.length} failed\n`);
    return { passed, failures: failures.map(({ name, why }) => ({ name: `${label}: ${name}`, why })) };
  } finally {
    await cluster.kubectl(`uncordon ${other}`);
  }
}
