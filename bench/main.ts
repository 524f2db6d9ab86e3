/**
 * `npm run bench [-- NAME… [--runs N]]`: whole-system figures with their goals. Needs root and what the tests need.
 * Five runs or more (of some, one) write bench/results/NAME.json; the exit code is 1 when a goal is not met.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setUpIntegration } from '../tools/test/set-up.ts';
import { apiServer } from './api-server/api-server.bench.ts';
import { fullStore } from './api-server/full-store.bench.ts';
import { crd } from './crd/crd.bench.ts';
import { coldUp } from './cold-up/cold-up.bench.ts';
import { controlMemory } from './control-memory/control-memory.bench.ts';
import { deploymentBenches } from './deployment-5000/deployment-5000.bench.ts';
import { hollowBench } from './hollow/hollow.bench.ts';
import { idle } from './idle/idle.bench.ts';
import { nodeAgent } from './node-agent/node-agent.bench.ts';
import { podStart } from './pod-start/pod-start.bench.ts';
import { scheduler, schedulerMemoryBench, schedulerPerf } from './scheduler/scheduler.bench.ts';
import { podsAtOnce } from './pods-at-once/pods-at-once.bench.ts';
import { testCluster } from './test-cluster/test-cluster.bench.ts';
import { type Benchmark, type BenchmarkResult, evaluate, renderTable, type Sample } from './support/benchmark.ts';
import { describeMachine } from './support/machine.ts';

const BENCHMARKS: readonly Benchmark[] = [
  coldUp,
  podStart,
  podsAtOnce,
  ...nodeAgent,
  idle,
  apiServer,
  fullStore,
  crd,
  scheduler,
  ...schedulerPerf,
  schedulerMemoryBench,
  testCluster,
  hollowBench,
  ...deploymentBenches,
  controlMemory,
];
const RUNS = 5;
const RESULTS = join(import.meta.dirname, 'results');

function readArgs(words: readonly string[]): { readonly names: readonly string[]; readonly runs: number | undefined } {
  const at = words.indexOf('--runs');
  const runs = at < 0 ? undefined : Number(words[at + 1]);
  const names = words.filter((_, index) => at < 0 || (index !== at && index !== at + 1));
  const unknown = names.filter((name) => !BENCHMARKS.some((benchmark) => isMeant(benchmark, name)));
  if (unknown.length > 0 || (runs !== undefined && !(Number.isInteger(runs) && runs > 0))) {
    const known = BENCHMARKS.map(({ name }) => name).join(', ');
    process.stderr.write(`usage: npm run bench [-- NAME… [--runs N]]; there are ${known}\n`);
    process.exit(2);
  }
  return { names, runs };
}

async function measureOne(benchmark: Benchmark, wanted: number | undefined): Promise<BenchmarkResult> {
  const { runs: enough = RUNS } = benchmark;
  const runs = wanted ?? enough;
  const machine = await describeMachine();
  const samples: Sample[] = [];
  await benchmark.measure(runs, (values) => {
    samples.push(values);
    const shown = Object.entries(values).map(([name, value]) => `${name} ${value.toFixed(1)}`);
    process.stdout.write(`${benchmark.name} ${samples.length}/${runs}: ${shown.join(', ')}\n`);
  });
  const result = evaluate(benchmark, samples);
  const text = JSON.stringify({ ...result, runs, measuredAt: new Date().toISOString(), machine }, undefined, 2);
  // A look with fewer runs is shown, and replaces nothing.
  if (runs >= enough) writeFileSync(join(RESULTS, `${benchmark.name}.json`), `${text}\n`);
  return result;
}

const isMeant = ({ name, group }: Benchmark, word: string) => name === word || group === word;

const { names, runs } = readArgs(process.argv.slice(2));
await setUpIntegration();
mkdirSync(RESULTS, { recursive: true });
const results: BenchmarkResult[] = [];
for (const benchmark of BENCHMARKS) {
  if (names.length === 0 || names.some((word) => isMeant(benchmark, word)))
    results.push(await measureOne(benchmark, runs));
}
process.stdout.write(`\n${renderTable(results)}`);
process.exitCode = results.some(({ figures }) => figures.some(({ isMet }) => isMet === false)) ? 1 : 0;
