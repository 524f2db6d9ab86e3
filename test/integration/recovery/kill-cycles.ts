/**
 * kill -9 of a control plane again and again under concurrent writers: what was acknowledged is there, and a watch that
 * only ever goes on from where it was is told of every write. `node test/integration/recovery/kill-cycles.ts 100` runs
 * many; `npm test` runs a few.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ConfigMapList } from '@kapella/api/types/core-v1';
import { parse } from 'yaml';
import { type Api, createApi } from '../../support/api.ts';
import { eventually } from '../../support/cluster.ts';
import { freePorts } from '../../support/etcd.ts';
import { startWriters } from './writers.ts';

const PROGRAM = join(import.meta.dirname, '../../../dist/kapella.mjs');
const WRITERS = 8;
const READY_MS_MAX = 60_000;
const NAMESPACE = 'default';

export interface KillReport {
  readonly cycles: number;
  readonly acknowledged: number;
  readonly eventsSeen: number;
  readonly restartMsMax: number;
  /** Empty when all is well. */
  readonly lost: readonly string[];
  readonly missed: readonly string[];
  readonly invented: readonly string[];
}

/** `serverArgs`: the store, where it is not the embedded one. Everything it makes is gone when it resolves. */
export async function runKillCycles(cycles: number, serverArgs: readonly string[] = []): Promise<KillReport> {
  const directory = mkdtempSync(join(tmpdir(), 'kapella-kill-'));
  const [port = 0] = await freePorts(1);
  const flags = ['--data-dir', directory, '--api-port', String(port), '--bind-address', '127.0.0.1', ...serverArgs];
  let server = await startServer(flags);
  const api = createApi(join(directory, 'admin.kubeconfig'));
  const watch = startWatch(api, join(directory, 'admin.kubeconfig'), await revisionNow(api));
  try {
    const writers = startWriters(api, NAMESPACE, WRITERS);
    let restartMsMax = 0;
    for (let cycle = 1; cycle <= cycles; cycle++) {
      // Not always at the same place in a batch.
      await writers.acknowledgedAtLeast(cycle * 60 + ((cycle * 7) % 50));
      await kill9(server);
      const startMs = performance.now();
      server = await startServer(flags);
      restartMsMax = Math.max(restartMsMax, performance.now() - startMs);
    }
    const { acknowledged, maybe, revisions } = await writers.stop();
    const found = await writers.stored();
    const missing = () => [...revisions].filter(([revision]) => !watch.seen.has(revision));
    await eventually('the watch has told of the last write', async () => missing().length === 0, 10_000).catch(
      () => {},
    );
    const is = (name: string, value: string | undefined) => maybe.has(`${name}=${value}`);
    return {
      cycles,
      acknowledged: revisions.size,
      eventsSeen: watch.seen.size,
      restartMsMax: Math.round(restartMsMax),
      lost: [...acknowledged]
        .filter(([name, value]) => found.get(name) !== value && !is(name, found.get(name)))
        .map(String),
      invented: [...found].filter(([name, value]) => acknowledged.get(name) !== value && !is(name, value)).map(String),
      missed: [...missing().map(([revision, what]) => `${revision} ${what}`), ...watch.faults],
    };
  } finally {
    watch.stop();
    await kill9(server);
    api[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startServer(flags: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, 'server', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log = (log + String(chunk)).slice(-20_000);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the server was not ready in ${READY_MS_MAX} ms: ${log}`)),
      READY_MS_MAX,
    );
    lines.on('line', (line) => line.includes('ready') && resolve(clearTimeout(timer)));
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}: ${log}`)));
  });
  return child;
}

function kill9(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

interface Watch {
  /** Revisions of the events it was told of. */
  readonly seen: ReadonlySet<number>;
  /** Events out of order or twice, and refusals to go on. */
  readonly faults: readonly string[];
  stop(): void;
}

/** From here on a watch tells of each write in order; one without a revision begins with what is there, in any order. */
async function revisionNow(api: Api): Promise<number> {
  const { metadata } = await api.get<ConfigMapList>(`/api/v1/namespaces/${NAMESPACE}/configmaps`);
  return Number(metadata.resourceVersion);
}

/** Lists never: it begins after revision `from`, and goes on after the last event whenever the connection ends. */
function startWatch(api: Api, kubeconfig: string, from: number): Watch {
  const seen = new Set<number>();
  const faults: string[] = [];
  const agent = new Agent({ keepAlive: false, ...credentials(kubeconfig) });
  let last = from;
  let isOver = false;

  const take = (line: string) => {
    const { type, object } = JSON.parse(line);
    if (type === 'ERROR') {
      faults.push(`refused to go on after ${last}: ${object.message}`);
      isOver = true;
      return;
    }
    const revision = Number(object.metadata.resourceVersion);
    if (type !== 'BOOKMARK' && revision <= last) faults.push(`${revision} came after ${last}`);
    last = Math.max(last, revision);
    if (type !== 'BOOKMARK') seen.add(revision);
  };
  const connect = () => {
    if (isOver) return;
    const query = `watch=true&labelSelector=written%3Dyes&resourceVersion=${last}`;
    const url = `${api.url}/api/v1/namespaces/${NAMESPACE}/configmaps?${query}`;
    const again = () => setTimeout(connect, 20);
    const request = get(url, { agent }, (response) => {
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        // A line that the kill cut short is sent again.
        rest = lines.pop() ?? '';
        lines.forEach(take);
      });
      response.on('close', again);
      response.on('error', () => {});
    });
    request.on('error', again);
  };
  connect();
  return {
    seen,
    faults,
    stop() {
      isOver = true;
      agent.destroy();
    },
  };
}

function credentials(kubeconfig: string): { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer } {
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8'));
  const pem = (data: string) => Buffer.from(data, 'base64');
  const { user } = users[0];
  return {
    ca: pem(clusters[0].cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  };
}

if (process.argv[1] === import.meta.filename) {
  const [cycles = '100', ...serverArgs] = process.argv.slice(2);
  const report = await runKillCycles(Number(cycles), serverArgs);
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.exit(report.lost.length + report.missed.length + report.invented.length === 0 ? 0 : 1);
}
