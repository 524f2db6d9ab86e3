/** The same raw requests to upstream's kube-apiserver over etcd and to Kapella's drop-in: the answers must not differ. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { type Peer, startPeer } from '../../../bench/api-server/peers.ts';
import { preparePrograms } from '../../../bench/api-server/programs.ts';
import { freePort } from '../support/control-plane.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';
import { Asked } from './ask.ts';
import { differences, normalize } from './normalize.ts';
import { SCENARIOS } from './requests/index.ts';
import type { Scenario, Step } from './step.ts';

const LINES_MAX = 12;

/** `only`: a regular expression on the scenarios' names. */
export const differential: UpstreamSuite = {
  name: 'differential',
  text: 'raw requests to kube-apiserver and to Kapella: status, headers and bodies of their answers compared',
  async run({ only }) {
    const programs = await preparePrograms();
    await using upstream = await startPeer(programs.upstream, await threeFreePorts());
    await using kapella = await startPeer(programs.kapella, await threeFreePorts());
    return await compare(kapella, upstream, only);
  },
};

/** Of peers that run: to compare again and again while a difference is mended. */
export async function compare(kapella: Peer, upstream: Peer, only: string | undefined): Promise<SuiteResult> {
  const failures: { name: string; why: string }[] = [];
  let passed = 0;
  for (const scenario of SCENARIOS) {
    if (only !== undefined && !new RegExp(only).test(scenario.name)) continue;
    const found = await compareScenario(scenario, kapella, upstream);
    failures.push(...found.failures);
    passed += found.passed;
  }
  return { passed, failures };
}

async function compareScenario({ name, steps }: Scenario, kapella: Peer, upstream: Peer): Promise<SuiteResult> {
  using ours = askedOf(kapella, name);
  using theirs = askedOf(upstream, name);
  const namespace = {
    method: 'POST',
    path: '/api/v1/namespaces',
    body: { metadata: { name: '{ns}' } },
    isSetUp: true,
  } as const;
  const failures: { name: string; why: string }[] = [];
  let passed = 0;
  for (const [i, step] of [namespace, ...steps].entries()) {
    const found = await compareStep(step, ours, theirs);
    if (step.isSetUp === true && found.length === 0) continue;
    if (found.length === 0) passed++;
    else
      failures.push({
        name: `${name} ${i}: ${step.method} ${step.path}`,
        why: found.slice(0, LINES_MAX).join('\n    '),
      });
  }
  return { passed, failures };
}

async function compareStep(step: Step, ours: Asked, theirs: Asked): Promise<readonly string[]> {
  try {
    const [a, b] = await Promise.all([ours.ask(step), theirs.ask(step)]);
    ours.save(step, a);
    theirs.save(step, b);
    if (step.isSetUp === true)
      return a.status === b.status ? [] : [`status: ours ${a.status} ${a.body}, upstream's ${b.status} ${b.body}`];
    return differences(normalize(a, ours.saved), normalize(b, theirs.saved));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

function askedOf(peer: Peer, name: string): Asked {
  const asked = new Asked(peer, readFileSync(peer.caFile), readFileSync(peer.tokenFile, 'utf8'));
  // A process that compares twice on the same peers needs other names the second time.
  asked.saved.set('ns', `${name.replace(/[^a-z]+/g, '-')}-${process.pid}`);
  return asked;
}

/** The first of three ports in a row that nobody listens on at the moment. */
async function threeFreePorts(): Promise<number> {
  for (;;) {
    const first = await freePort();
    if ((await isFree(first + 1)) && (await isFree(first + 2))) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
