/** Kapella's API server beside upstream's kube-apiserver with etcd, on the same machine in the same run. */
import type { Benchmark, FigureSpec, Sample } from '../support/benchmark.ts';
import { longestPauseMs } from './event-loop.ts';
import { prepareLoad } from './load.ts';
import { type Peer, startPeer } from './peers.ts';
import { preparePrograms } from './programs.ts';
import { fillForReads, type Work, works } from './works.ts';

const PORTS = { kapella: 26_400, upstream: 26_410 };

export const apiServer: Benchmark = {
  name: 'api-server',
  text: 'reads, writes and watches, beside kube-apiserver 1.36 and etcd 3.6',
  figures: [...works.flatMap(figuresOf), ...figuresOfRest('rest', 'at rest'), pauseFigure()],
  async measure(runs, sample) {
    await prepareLoad();
    const programs = await preparePrograms();
    await using kapella = await startPeer(programs.kapella, PORTS.kapella);
    await using upstream = await startPeer(programs.upstream, PORTS.upstream);
    const atRest = compareRest(kapella, upstream, 'rest');
    for (const peer of [kapella, upstream]) await fillForReads(peer);
    for (let round = 0; round < runs; round++) {
      const values: Record<string, number> = { ...atRest };
      for (const work of works) Object.assign(values, await compare(work, kapella, upstream, round));
      values['pause'] = longestPauseMs(await kapella.metrics());
      sample(values);
    }
  },
};

async function compare(work: Work, kapella: Peer, upstream: Peer, round: number): Promise<Sample> {
  const ours = await work.measure(kapella, round);
  const theirs = await work.measure(upstream, round);
  process.stderr.write(`  ${work.text}: ${ours.toFixed(0)} and ${theirs.toFixed(0)} ${work.unit}\n`);
  return { [work.name]: ours, [`${work.name}-upstream`]: theirs, [`${work.name}-ratio`]: ours / theirs };
}

function figuresOf({ name, text, unit, goalMin }: Work): FigureSpec[] {
  return [
    { name, text, unit },
    { name: `${name}-upstream`, text: `${text}, upstream`, unit },
    { name: `${name}-ratio`, text: `${text}, ratio`, unit: 'x', ...(goalMin === undefined ? {} : { goalMin }) },
  ];
}

/** Memory and start, as shares of upstream's. */
export function figuresOfRest(name: string, text: string): FigureSpec[] {
  return [
    { name: `${name}-resident`, text: `resident ${text}`, unit: 'MB' },
    { name: `${name}-resident-upstream`, text: `resident ${text}, upstream`, unit: 'MB' },
    { name: `${name}-resident-ratio`, text: `resident ${text}, ratio`, unit: 'x', goalMax: 1 / 3 },
    { name: `${name}-start`, text: `start to ready ${text}`, unit: 'ms' },
    { name: `${name}-start-upstream`, text: `start to ready ${text}, upstream`, unit: 'ms' },
    { name: `${name}-start-ratio`, text: `start to ready ${text}, ratio`, unit: 'x', goalMax: 1 / 3 },
  ];
}

export function compareRest(kapella: Peer, upstream: Peer, name: string): Sample {
  const resident = [kapella.residentMb(), upstream.residentMb()] as const;
  return {
    [`${name}-resident`]: resident[0],
    [`${name}-resident-upstream`]: resident[1],
    [`${name}-resident-ratio`]: resident[0] / resident[1],
    [`${name}-start`]: kapella.startMs,
    [`${name}-start-upstream`]: upstream.startMs,
    [`${name}-start-ratio`]: kapella.startMs / upstream.startMs,
  };
}

function pauseFigure(): FigureSpec {
  return { name: 'pause', text: 'longest pause of the event loop in all of it', unit: 'ms', goalMax: 50 };
}
