/** Upstream's own scheduler_perf, one workload: API server, etcd and scheduler as upstream measures them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../test/support/cluster.ts';
import { PROGRAMS_DIR, upstreamModule, upstreamProgram } from '../../test/upstream/support/programs.ts';
import type { Workload } from './workloads.ts';

const TOOK_MS_MAX = 30 * 60_000;

interface DataItems {
  readonly dataItems: readonly {
    readonly data: { readonly Average: number };
    readonly labels: { readonly Metric: string };
  }[];
}

/** Pods scheduled per second, on average while upstream's clock runs. */
export async function upstreamPerSecond({ name, upstream: { suite, size } }: Workload): Promise<number> {
  await upstreamProgram('etcd'); // it starts one of its own, from PATH
  const program = await upstreamProgram(`scheduler-perf-${suite}`);
  const source = await upstreamModule('kubernetes', 'k8s.io/kubernetes');
  const items = mkdtempSync(join(tmpdir(), 'kapella-scheduler-perf-'));
  try {
    const args = [
      ...['-test.run=^$', '-test.benchtime=1ns', '-test.timeout=30m', '-perf-scheduling-label-filter='],
      ...[`-test.bench=^BenchmarkPerfScheduling$/^${name}$/^${size}$`, `-data-items-dir=${items}`],
    ];
    const { code, stdout, stderr } = await run(program, args, {
      cwd: join(source, 'test/integration/scheduler_perf', suite),
      env: { PATH: `${PROGRAMS_DIR}:${process.env.PATH}` },
      timeoutMs: TOOK_MS_MAX,
    });
    const file = readdirSync(items).find((entry) => entry.endsWith('.json'));
    // It fails as well when it is slower than upstream's own threshold, and has measured all the same.
    if (file === undefined) {
      throw new Error(`scheduler_perf ${name}/${size} failed with ${code}: ${`${stdout}${stderr}`.slice(-2_000)}`);
    }
    const { dataItems } = JSON.parse(readFileSync(join(items, file), 'utf8')) as DataItems;
    const found = dataItems.find(({ labels }) => labels.Metric === 'SchedulingThroughput');
    if (found === undefined) throw new Error(`scheduler_perf ${name}/${size} measured nothing`);
    return found.data.Average;
  } finally {
    rmSync(items, { recursive: true, force: true });
  }
}
