/** Runs specs of upstream's e2e.test with ginkgo against a cluster, and reads what became of each. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';
import { upstreamProgram } from './programs.ts';
import type { SuiteResult } from './suite.ts';

export interface SpecRun {
  /** Whole names, as ginkgo prints them. */
  readonly specs: readonly string[];
  readonly kubeconfig: string;
  readonly kubectl: string;
  /** Reports and logs go there. */
  readonly results: string;
  /** Parallel processes; specs that say [Serial] run after all others, alone. */
  readonly processes: number;
  /** Specs that wait for what never comes are ended then, and told as failed. */
  readonly minutesMax: number;
}

/** A row of ginkgo's JSON report. */
interface Spec {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  /** `It` for a spec; what comes before and after all of them has other names. */
  readonly LeafNodeType: string;
  readonly State: string;
  readonly Failure?: { readonly Message: string };
}

/** The names in a file, one a line, that match `only`. Throws when none does. */
export function readSpecs(file: string, only: string | undefined): readonly string[] {
  const specs = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const wanted = only === undefined ? specs : specs.filter((spec) => new RegExp(only).test(spec));
  if (wanted.length === 0) throw new Error(`no spec matches ${only}`);
  return wanted;
}

/** Rejects when not every spec was run. */
export async function runSpecs(options: SpecRun): Promise<SuiteResult> {
  const { specs, kubeconfig, kubectl, results, processes, minutesMax } = options;
  const ginkgo = await upstreamProgram('ginkgo');
  const suite = await upstreamProgram('e2e.test');
  mkdirSync(results, { recursive: true });
  const report = join(results, 'e2e.json');
  rmSync(report, { force: true });
  const focus = specs.map((spec) => `${escapeRegExp(spec)}$`).join('|');
  const own = [`--kubeconfig=${kubeconfig}`, '--provider=skeleton', `--kubectl-path=${kubectl}`];
  const flags = [`-procs=${processes}`, '--no-color', '--succinct', `--timeout=${minutesMax}m`];
  const { stdout } = await run(ginkgo, [...flags, `--json-report=${report}`, `--focus=${focus}`, suite, '--', ...own], {
    timeoutMs: (minutesMax + 5) * 60_000,
    cwd: results,
  });
  writeFileSync(join(results, 'ginkgo.log'), stdout);
  const result = readReport(JSON.parse(readFileText(report, stdout)));
  if (result.passed + result.failures.length < specs.length) throw new Error('not every wanted spec was run');
  return result;
}

function readFileText(report: string, stdout: string): string {
  try {
    return readFileSync(report, 'utf8');
  } catch (cause) {
    throw new Error(`ginkgo wrote no report: ${stdout.slice(-3000)}`, { cause });
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Exported for its test. */
export function readReport(reports: readonly { readonly SpecReports: readonly Spec[] | null }[]): SuiteResult {
  const all = reports.flatMap(({ SpecReports }) => SpecReports ?? []);
  // The set-up of the suite and its reports count only when they fail.
  const ran = all.filter(
    ({ LeafNodeType, State }) => State !== 'skipped' && (LeafNodeType === 'It' || State !== 'passed'),
  );
  const failures = ran
    .filter(({ State }) => State !== 'passed')
    .map(({ ContainerHierarchyTexts, LeafNodeText, State, Failure }) => ({
      name: [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' '),
      why: Failure?.Message ?? State,
    }));
  return { passed: ran.length - failures.length, failures };
}
