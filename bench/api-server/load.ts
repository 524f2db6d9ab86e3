/** The load: h2load for what one URL can say, the Go program of bench/load for the rest. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../test/support/cluster.ts';
import type { Peer } from './peers.ts';

const SECONDS = 5;
const LOAD_SOURCE = join(import.meta.dirname, '../load');
const CACHE = join(homedir(), '.cache/kapella-upstream/bin');
const LOAD = join(CACHE, 'bench-load');

/** Installs h2load, builds the load program. */
export async function prepareLoad(): Promise<void> {
  if ((await run('h2load', ['--version'], {})).code !== 0) {
    await must('apt-get', ['install', '-y', 'nghttp2-client']);
  }
  mkdirSync(CACHE, { recursive: true });
  await must('sh', ['-c', `cd '${LOAD_SOURCE}' && CGO_ENABLED=0 go build -o '${LOAD}' .`]);
}

async function must(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, {});
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${(stderr || stdout).slice(-2000)}`);
  return stdout;
}

export interface RawResult {
  readonly perSecond: number;
  readonly mbPerSecond: number;
}

export interface RawLoad {
  readonly path: string;
  /** For answers so large that few end in a time. */
  readonly requests?: number;
  /** POST with this body. */
  readonly bodyFile?: string;
}

/** 4 connections with 8 requests at once on each. Throws when an answer was not 2xx. */
export async function h2load(peer: Peer, { path, requests, bodyFile }: RawLoad, token: string): Promise<RawResult> {
  const headers = ['-H', `authorization: Bearer ${token}`, '-H', 'accept: application/json'];
  const post = bodyFile === undefined ? [] : ['-d', bodyFile, '-H', 'content-type: application/json'];
  const amount = requests === undefined ? [`-D${SECONDS}`, '--warm-up-time=1'] : [`-n${requests}`];
  const args = ['-c4', '-m8', '-t1', ...amount, ...headers, ...post, `${peer.url}${path}`];
  return parseH2load(await must('h2load', args));
}

/** Reads `finished in 4.00s, 14000.50 req/s, 30.10MB/s` and the status codes. */
export function parseH2load(text: string): RawResult {
  const found = /finished in [\d.]+\w+, ([\d.]+) req\/s, ([\d.]+)(B|KB|MB|GB)\/s/.exec(text);
  const codes = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(text);
  if (found === null || codes === null) throw new Error(`h2load said something else:\n${text.slice(0, 2000)}`);
  const refused = Number(codes[2]) + Number(codes[3]) + Number(codes[4]);
  if (refused > 0 || Number(codes[1]) === 0) throw new Error(`h2load: not every answer was 2xx: ${codes[0]}`);
  const scale = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }[found[3] as 'B' | 'KB' | 'MB' | 'GB'];
  return { perSecond: Number(found[1]), mbPerSecond: (Number(found[2]) * scale) / 1e6 };
}

export interface LoadResult {
  readonly operations: number;
  readonly failed: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly firstError?: string;
}

/** Runs bench/load. Throws when an operation failed. */
export async function load(
  peer: Peer,
  flags: Readonly<Record<string, string | number | boolean>>,
): Promise<LoadResult> {
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const to = [`--server=${peer.url}`, `--token-file=${peer.tokenFile}`, `--ca=${peer.caFile}`];
  const result = JSON.parse(await must(LOAD, [...to, ...args])) as LoadResult;
  if (result.failed > 0) {
    throw new Error(`${peer.name}: ${result.failed} of ${result.operations} failed: ${result.firstError}`);
  }
  return result;
}

/** A 2 kB ConfigMap as h2load posts it, again and again: the server makes the names. */
export function rawObject(): string {
  const metadata = { generateName: 'raw-', labels: { tenth: '0' } };
  return JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata, data: { value: 'x'.repeat(2000) } });
}
