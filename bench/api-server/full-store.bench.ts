/** Both servers with 100,000 objects of 2 kB: memory, and how soon they are ready again. */
import type { Benchmark } from '../support/benchmark.ts';
import { compareRest, figuresOfRest } from './api-server.bench.ts';
import { load, prepareLoad } from './load.ts';
import { type Peer, startPeer } from './peers.ts';
import { preparePrograms } from './programs.ts';

const OBJECTS = 100_000;
const SETTLE_MS = 20_000;
const PORTS = { kapella: 26_420, upstream: 26_430 };

export const fullStore: Benchmark = {
  name: 'full-store',
  text: '100,000 objects of 2 kB, beside kube-apiserver 1.36 and etcd 3.6',
  figures: figuresOfRest('full', 'with 100,000 objects'),
  async measure(runs, sample) {
    await prepareLoad();
    const programs = await preparePrograms();
    await using kapella = await startPeer(programs.kapella, PORTS.kapella);
    await using upstream = await startPeer(programs.upstream, PORTS.upstream);
    for (const peer of [kapella, upstream]) await fill(peer);
    for (let i = 0; i < runs; i++) {
      for (const peer of [kapella, upstream]) await peer.restart();
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      sample(compareRest(kapella, upstream, 'full'));
    }
  },
};

function fill(peer: Peer): Promise<unknown> {
  return load(peer, { mode: 'raw', op: 'create', namespace: 'default', n: OBJECTS });
}
