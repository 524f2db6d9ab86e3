/** Streams of one node: a log followed while it is written, a gigabyte copied both ways, a hundred execs at once. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'yaml';
import type { Pod } from '@kapella/api/types/core-v1';
import { BUSYBOX } from '../../test/support/images.ts';
import { IDLE } from '../../test/support/manifests.ts';
import type { TestCluster } from '../../test/support/cluster.ts';
import type { Benchmark } from '../support/benchmark.ts';
import { cpuMsBetween, type CpuTime, cpuTime, pidOf } from '../support/processes.ts';
import { openExecs } from './exec-client.ts';
import { agentCluster, openPlace, pause, type Place, pausePod } from './pods.ts';

const LOG_BYTES = 500e6;
const LINE_BYTES = 250;
const LINES_AT_ONCE = 2_000;
const WRITTEN_BYTES_PER_SECOND = 100e6;
const COPY_BYTES = 2 ** 30;
const EXECS = 100;
const EXEC_BYTES = 64 * 1024;

const busyboxPod = (name: string, script: string) =>
  pausePod(name, { containers: [{ name: 'main', image: BUSYBOX, command: ['sh', '-c', script] }] });

export const nodeAgentLogs: Benchmark = {
  name: 'node-agent-logs',
  group: 'node-agent',
  text:
    `pods/log?follow of ${LOG_BYTES / 1e6} MB in numbered lines of ${LINE_BYTES} bytes; written into the file as the runtime ` +
    'does and read over the API, without the runtime and kubectl, which write line by line and would set the pace',
  figures: [
    { name: 'rate', text: 'followed without loss', unit: 'MB/s', goalMin: 50 },
    { name: 'cpu', text: 'node agent meanwhile, of one core', unit: '%' },
    { name: 'cpu-server', text: 'server meanwhile, of one core', unit: '%' },
  ],
  async measure(runs, sample) {
    await using cluster = await agentCluster(4, 'b-nlogs');
    for (let run = 0; run < runs; run++) {
      using place = await openPlace(cluster, `run-${run}`);
      await place.create(busyboxPod('writer', IDLE));
      await place.watch.running('writer');
      const parts = ['node', 'server'] as const;
      const before = parts.map((part) => cpuTime(pidOf(cluster, part)));
      const startMs = performance.now();
      const rate = await followLog(cluster, place);
      const tookMs = performance.now() - startMs;
      const [cpu = 0, server = 0] = parts.map(
        (part, i) => (cpuMsBetween(before[i] as CpuTime, cpuTime(pidOf(cluster, part))) / tookMs) * 100,
      );
      sample({ rate, cpu, 'cpu-server': server });
      await place.clear();
    }
  },
};

/** MB/s from the first byte to the last. Throws when a line is missing, twice, or out of order. */
async function followLog(cluster: TestCluster, place: Place): Promise<number> {
  const lines = Math.ceil(LOG_BYTES / LINE_BYTES);
  const { metadata } = await place.api.get<Pod>(`/api/v1/namespaces/${place.ns}/pods/writer`);
  const path = join(cluster.dataDir, 'node/logs', `${place.ns}_writer_${metadata.uid}`, 'main/0.log');
  // The answer may begin with the first line only.
  const written = pause(1000).then(() => writeLog(path, lines));
  const log = await openStream(cluster.kubeconfig, `/api/v1/namespaces/${place.ns}/pods/writer/log?follow=true`);
  let next = 0;
  let startMs = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of log as AsyncIterable<Buffer>) {
    if (startMs === 0) startMs = performance.now();
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % LINE_BYTES);
    for (let at = 0; at < whole; at += LINE_BYTES, next++) {
      if (Number(bytes.toString('latin1', at, at + 9)) !== next || bytes[at + LINE_BYTES - 1] !== 0x0a) {
        throw new Error(`line ${next} of the log came as ${JSON.stringify(bytes.toString('latin1', at, at + 40))}`);
      }
    }
    rest = bytes.subarray(whole);
    if (next === lines) break;
  }
  const seconds = (performance.now() - startMs) / 1000;
  log.destroy();
  await written;
  if (next !== lines) throw new Error(`the log ended after ${next} of ${lines} lines`);
  return (lines * LINE_BYTES) / 1e6 / seconds;
}

/** As the administrator; rejects when the answer is no 200. */
function openStream(kubeconfig: string, path: string): Promise<IncomingMessage> {
  const config = parse(readFileSync(kubeconfig, 'utf8'));
  const { server, 'certificate-authority-data': ca } = config.clusters[0].cluster;
  const { 'client-certificate-data': cert, 'client-key-data': key } = config.users[0].user;
  const decode = (data: string) => Buffer.from(data, 'base64');
  return new Promise((resolve, reject) => {
    const options = { ca: decode(ca), cert: decode(cert), key: decode(key), agent: false };
    const outgoing = request(new URL(path, server), options, (incoming) => {
      if (incoming.statusCode === 200) resolve(incoming);
      else reject(new Error(`${path}: ${incoming.statusCode}`));
    });
    outgoing.on('error', reject).end();
  });
}

/** In the runtime's format. It pauses where a container would that writes 100 MB a second. */
async function writeLog(path: string, lines: number): Promise<void> {
  const file = await open(path, 'a');
  const pad = ' '.repeat(LINE_BYTES - 11);
  const startMs = performance.now();
  for (let from = 0; from < lines; from += LINES_AT_ONCE) {
    const time = new Date().toISOString().replace('Z', '000000Z');
    const count = Math.min(LINES_AT_ONCE, lines - from);
    const text = Array.from(
      { length: count },
      (_, i) => `${time} stdout F ${String(from + i).padStart(9, '0')} ${pad}\n`,
    );
    await file.write(text.join(''));
    const dueMs = (((from + count) * LINE_BYTES) / WRITTEN_BYTES_PER_SECOND) * 1000;
    await pause(Math.max(0, dueMs - (performance.now() - startMs)));
  }
  await file.close();
}

export const nodeAgentCopy: Benchmark = {
  name: 'node-agent-copy',
  group: 'node-agent',
  text: 'kubectl cp of 1 GiB of random bytes into a Pod and back; it must come back the same',
  figures: [
    { name: 'into', text: 'into the Pod', unit: 'MB/s' },
    { name: 'back', text: 'out of the Pod', unit: 'MB/s' },
  ],
  async measure(runs, sample) {
    await using cluster = await agentCluster(5, 'b-ncopy');
    const dir = mkdtempSync(join(tmpdir(), 'kapella-copy-'));
    try {
      const hash = await writeRandom(join(dir, 'sent'));
      for (let run = 0; run < runs; run++) {
        using place = await openPlace(cluster, `run-${run}`);
        await place.create(busyboxPod('holder', IDLE));
        await place.watch.running('holder');
        const copy = async (from: string, to: string) => {
          const startMs = performance.now();
          await cluster.kubectl(`-n ${place.ns} cp ${from} ${to}`, { timeoutMs: 300_000 });
          return COPY_BYTES / 1e6 / ((performance.now() - startMs) / 1000);
        };
        const into = await copy(join(dir, 'sent'), 'holder:/sent');
        const back = await copy('holder:/sent', join(dir, 'got'));
        if ((await hashOf(join(dir, 'got'))) !== hash) throw new Error('the copy is not what was sent');
        sample({ into, back });
        await place.clear();
      }
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

/** Answers its SHA-256. */
async function writeRandom(path: string): Promise<string> {
  const source = spawn('head', ['-c', String(COPY_BYTES), '/dev/urandom'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const hash = createHash('sha256');
  await pipeline(
    source.stdout,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path),
  );
  return hash.digest('hex');
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

export const nodeAgentExecs: Benchmark = {
  name: 'node-agent-execs',
  group: 'node-agent',
  text: `${EXECS} exec streams open at once, each with ${EXEC_BYTES / 1024} kB through cat and back, half-close and exit code`,
  figures: [
    { name: 'open', text: `until all ${EXECS} are open and have answered`, unit: 'ms' },
    { name: 'echo', text: 'until all have their bytes back and have ended with success', unit: 'ms' },
  ],
  async measure(runs, sample) {
    await using cluster = await agentCluster(6, 'b-nexec');
    using place = await openPlace(cluster, 'execs');
    await place.create(busyboxPod('target', IDLE));
    await place.watch.running('target');
    for (let run = 0; run < runs; run++) {
      const openMs = performance.now();
      const execs = await openExecs(cluster.kubeconfig, place.ns, 'target', EXECS);
      const echoMs = performance.now();
      await Promise.all(execs.map((exec, i) => exec.echo(Readable.from(pieces(i)), EXEC_BYTES)));
      sample({ open: echoMs - openMs, echo: performance.now() - echoMs });
    }
  },
};

/** Bytes that tell one stream from another. */
function* pieces(stream: number): Generator<Buffer> {
  for (let sent = 0; sent < EXEC_BYTES; sent += 4096) yield Buffer.alloc(4096, `${stream}:${sent};`);
}
