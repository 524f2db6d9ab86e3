/** Upstream's e2e.test on a control plane with hollow nodes: the conformance specs that need no real container. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { upstreamProgram } from '../support/programs.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';

const SPECS = join(import.meta.dirname, 'control-plane-specs.txt');
/** Specs that wait for what never comes are ended then, and told as failed. */
const RUN_MINUTES_MAX = 20;
const PROCESSES = 6;

/** A row of ginkgo's JSON report. */
interface Spec {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly State: string;
  readonly Failure?: { readonly Message: string };
}

/** `only`: a regular expression that narrows the specs. */
export const e2e: UpstreamSuite = {
  name: 'e2e',
  text: "e2e.test of Kubernetes 1.36, specs that need no real container, on kwok's nodes",
  async run({ only, results }) {
    const specs = readFileSync(SPECS, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    const wanted = only === undefined ? specs : specs.filter((spec) => new RegExp(only).test(spec));
    if (wanted.length === 0) throw new Error(`no spec matches ${only}`);
    const ginkgo = await upstreamProgram('ginkgo');
    const suite = await upstreamProgram('e2e.test');
    await using cluster = await startControlPlane({ apiPort: 26_443, hollowNodes: 3 });
    mkdirSync(results, { recursive: true });
    const report = join(results, 'e2e.json');
    rmSync(report, { force: true });
    const focus = wanted.map((spec) => `${escapeRegExp(spec)}$`).join('|');
    const own = [`--kubeconfig=${cluster.kubeconfig}`, '--provider=skeleton', '--kubectl-path=kubectl'];
    const flags = [`-procs=${PROCESSES}`, '--no-color', '--succinct', `--timeout=${RUN_MINUTES_MAX}m`];
    const { stdout } = await run(
      ginkgo,
      [...flags, `--json-report=${report}`, `--focus=${focus}`, suite, '--', ...own],
      { timeoutMs: (RUN_MINUTES_MAX + 5) * 60_000, cwd: results },
    );
    writeFileSync(join(results, 'ginkgo.log'), stdout);
    for (const log of ['server.log', 'kwok.log']) {
      if (existsSync(join(cluster.directory, log))) copyFileSync(join(cluster.directory, log), join(results, log));
    }
    if (!existsSync(report)) throw new Error(`ginkgo wrote no report: ${stdout.slice(-3000)}`);
    const result = readReport(JSON.parse(readFileSync(report, 'utf8')));
    if (result.passed + result.failures.length < wanted.length) throw new Error('not every wanted spec was run');
    return result;
  },
};

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Exported for its test. */
export function readReport(reports: readonly { readonly SpecReports: readonly Spec[] | null }[]): SuiteResult {
  const all = reports.flatMap(({ SpecReports }) => SpecReports ?? []);
  // What has no text is the set-up of the suite: it counts only when it fails.
  const ran = all.filter(
    ({ LeafNodeText, State }) => State !== 'skipped' && (LeafNodeText !== '' || State !== 'passed'),
  );
  const failures = ran
    .filter(({ State }) => State !== 'passed')
    .map(({ ContainerHierarchyTexts, LeafNodeText, State, Failure }) => ({
      name: [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' '),
      why: Failure?.Message ?? State,
    }));
  return { passed: ran.length - failures.length, failures };
}
