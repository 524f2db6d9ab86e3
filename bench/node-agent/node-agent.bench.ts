/** All rows of the node agent: `npm run bench -- node-agent`, or one by its own name. */
import type { Benchmark } from '../support/benchmark.ts';
import { nodeAgentFull, nodeAgentHeld } from './density.bench.ts';
import { nodeAgentProbes } from './probes.bench.ts';
import { nodeAgentStart } from './start.bench.ts';
import { nodeAgentCopy, nodeAgentExecs, nodeAgentLogs } from './streams.bench.ts';

export const nodeAgent: readonly Benchmark[] = [
  nodeAgentStart,
  nodeAgentFull,
  nodeAgentHeld,
  nodeAgentProbes,
  nodeAgentLogs,
  nodeAgentCopy,
  nodeAgentExecs,
];
