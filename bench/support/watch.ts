/** Watches Pods, so that the moment of a change is seen when it happens and not when one looks. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { Pod } from '@kapella/api/types/core-v1';
import { parse } from 'yaml';

export interface PodWatch extends Disposable {
  /** Resolves with `performance.now()` when the Pod was first seen Running. */
  running(name: string): Promise<number>;
}

/** Resolves when the watch is open. */
export function watchPods(kubeconfig: string, ns: string): Promise<PodWatch> {
  const config = parse(readFileSync(kubeconfig, 'utf8'));
  const { server, 'certificate-authority-data': ca } = config.clusters[0].cluster;
  const { 'client-certificate-data': cert, 'client-key-data': key } = config.users[0].user;
  const decode = (data: string) => Buffer.from(data, 'base64');
  const seen = new Map<string, number>();
  const waiting = new Map<string, (atMs: number) => void>();
  const see = (pod: Pod) => {
    const name = pod.metadata.name ?? '';
    if (pod.status?.phase !== 'Running' || seen.has(name)) return;
    seen.set(name, performance.now());
    waiting.get(name)?.(seen.get(name) as number);
  };
  return new Promise((resolve, reject) => {
    const url = new URL(`/api/v1/namespaces/${ns}/pods?watch=1`, server);
    const outgoing = request(url, { ca: decode(ca), cert: decode(cert), key: decode(key), agent: false });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      let rest = '';
      incoming.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) see((JSON.parse(line) as { object: Pod }).object);
      });
      incoming.on('error', () => {}); // it is cut off at the end
      resolve({
        running: (name) =>
          new Promise((done) => {
            const atMs = seen.get(name);
            if (atMs === undefined) waiting.set(name, done);
            else done(atMs);
          }),
        [Symbol.dispose]: () => outgoing.destroy(),
      });
    });
    outgoing.end();
  });
}
