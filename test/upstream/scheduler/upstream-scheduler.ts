/** Upstream's kube-scheduler beside a cluster of ours: what it scored each node, read from its log. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { upstreamProgram } from '../support/programs.ts';
import { configOf } from './profiles.ts';

/** Score of each node that was scored, by plugin and in total. */
export interface Scores {
  readonly totals: Map<string, number>;
  readonly byPlugin: Map<string, Map<string, number>>;
}

export interface UpstreamScheduler extends AsyncDisposable {
  /** Whether all that it logs about the Pod's placement, by `namespace/name`, has been read. */
  hasTold(pod: string): boolean;
  /** By `namespace/name`; absent where fewer than two nodes fit. */
  scoresOf(pod: string): Scores | undefined;
  readonly tail: () => string;
}

/** Scores every node that fits, one Pod after the other without shortcuts. */
export async function startUpstreamScheduler(kubeconfig: string, directory: string): Promise<UpstreamScheduler> {
  const config = join(directory, 'scheduler.yaml');
  writeFileSync(config, configOf(kubeconfig));
  const flags = ['--secure-port=0', '--vmodule=schedule_one=10', '--feature-gates=OpportunisticBatching=false'];
  const child = spawn(await upstreamProgram('kube-scheduler'), [`--config=${config}`, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const scores = new Map<string, Scores>();
  const bound = new Set<string>();
  const last: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line);
    if (last.length > 50) last.shift();
    if (line.includes('"Successfully bound pod to node"')) bound.add(POD.exec(line)?.[1] ?? '');
    else readLine(line, scores);
  });
  return {
    hasTold: (pod) => bound.has(pod),
    scoresOf: (pod) => scores.get(pod),
    tail: () => last.join('\n'),
    [Symbol.asyncDispose]: () => end(child),
  };
}

const FIELD = (name: string) => new RegExp(`\\b${name}="([^"]*)"`);
const [POD, NODE, PLUGIN] = [FIELD('pod'), FIELD('node'), FIELD('plugin')];

function readLine(line: string, scores: Map<string, Scores>): void {
  const isTotal = line.includes('"Calculated node\'s final score for pod"');
  if (!isTotal && !line.includes('"Plugin scored node for pod"')) return;
  const [pod, node] = [POD.exec(line)?.[1], NODE.exec(line)?.[1]];
  const score = /\bscore=(-?\d+)/.exec(line)?.[1];
  if (pod === undefined || node === undefined || score === undefined) return;
  const of = scores.get(pod) ?? { totals: new Map(), byPlugin: new Map() };
  scores.set(pod, of);
  if (isTotal) of.totals.set(node, Number(score));
  else {
    const plugin = PLUGIN.exec(line)?.[1] ?? '';
    const nodes = of.byPlugin.get(plugin) ?? new Map<string, number>();
    of.byPlugin.set(plugin, nodes.set(node, Number(score)));
  }
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
