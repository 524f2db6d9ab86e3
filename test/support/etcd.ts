/** Real etcd servers on loopback for tests: Debian's (3.4) unpacked, not installed, and upstream's where it has been built. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_CACHE_DIR, debianProgram } from '@kapella/tools/images';
import { PROGRAMS_DIR } from '../upstream/support/programs.ts';

const READY_MS_MAX = 20_000;
const POLL_MS = 20;

export interface EtcdProgram {
  readonly name: string;
  readonly path: string;
}

/** Debian's etcd; some seconds the first time, then at once. */
export async function ensureEtcd(cacheDir = DEFAULT_CACHE_DIR): Promise<string> {
  return debianProgram({ package: 'etcd-server', path: '/usr/bin/etcd', cacheDir });
}

/** Debian's etcdctl. */
export async function ensureEtcdctl(cacheDir = DEFAULT_CACHE_DIR): Promise<string> {
  return debianProgram({ package: 'etcd-client', path: '/usr/bin/etcdctl', cacheDir });
}

/** Every etcd that this machine has: `upstreamProgram('etcd')` adds 3.6. */
export async function etcdPrograms(): Promise<readonly EtcdProgram[]> {
  const upstream = join(PROGRAMS_DIR, 'etcd');
  const debian = { name: "Debian's etcd", path: await ensureEtcd() };
  return existsSync(upstream) ? [debian, { name: 'etcd 3.6', path: upstream }] : [debian];
}

export interface EtcdMember extends AsyncDisposable {
  readonly url: string;
  readonly directory: string;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Again on the same data. Resolves when it answers. */
  start(): Promise<void>;
}

export interface EtcdMemberOptions {
  readonly args?: readonly string[];
  /** Of client URLs. */
  readonly scheme?: 'http' | 'https';
}

export async function startEtcd(program: string, options: EtcdMemberOptions = {}): Promise<EtcdMember> {
  const [member] = await startEtcdCluster(program, 1, options);
  if (member === undefined) throw new Error('no member was started');
  return member;
}

/** Resolves when every member answers. Dispose of each. */
export async function startEtcdCluster(
  program: string,
  count: number,
  { args = [], scheme = 'http' }: EtcdMemberOptions = {},
): Promise<readonly EtcdMember[]> {
  const ports = await freePorts(count * 2);
  const names = Array.from({ length: count }, (_, i) => `m${i}`);
  const peers = names.map((name, i) => `${name}=http://127.0.0.1:${ports[count + i]}`).join(',');
  const members = names.map((name, i) => {
    const [client, peer] = [`${scheme}://127.0.0.1:${ports[i]}`, `http://127.0.0.1:${ports[count + i]}`];
    return createMember(program, client, [
      ...['--name', name, '--initial-cluster', peers, '--logger', 'zap', '--log-level', 'error'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...args,
    ]);
  });
  await Promise.all(members.map((member) => member.start()));
  return members;
}

function createMember(program: string, url: string, args: readonly string[]): EtcdMember {
  const directory = mkdtempSync(join(tmpdir(), 'kapella-etcd-'));
  let child: ChildProcess | undefined;
  const kill = (signal: NodeJS.Signals) =>
    new Promise<void>((resolve) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
        resolve();
        return;
      }
      child.once('exit', () => resolve());
      child.kill(signal);
    });
  return {
    url,
    directory,
    kill,
    async start() {
      child = spawn(program, ['--data-dir', directory, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
      await answering(Number(new URL(url).port), child);
    },
    async [Symbol.asyncDispose]() {
      await kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  const endMs = performance.now() + READY_MS_MAX;
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    if (child.exitCode !== null) throw new Error(`etcd ended with exit code ${child.exitCode}`);
    if (performance.now() > endMs) throw new Error(`etcd did not listen on port ${port} in ${READY_MS_MAX} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export interface Line extends AsyncDisposable {
  readonly url: string;
  /** Ends what goes through it, and refuses more. */
  cut(): void;
  mend(): void;
}

/** A way to a server that can be cut. */
export async function lineTo(url: string): Promise<Line> {
  const port = Number(new URL(url).port);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    cut,
    mend() {
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
