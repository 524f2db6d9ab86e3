/** The two servers that are compared, started with the same flags: upstream's with etcd, Kapella's with its embedded store. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../test/support/cluster.ts';
import { residentMb } from '../support/processes.ts';

const READY_MS_MAX = 300_000;
const POLL_MS = 10;
const STOP_MS_MAX = 60_000;

/** Where a peer's executables are. */
export interface PeerPrograms {
  readonly name: 'kapella' | 'upstream';
  readonly kubeApiServer: string;
  /** undefined: the store is in the server's own process. */
  readonly etcd?: string;
}

export interface Peer extends AsyncDisposable {
  readonly name: PeerPrograms['name'];
  readonly url: string;
  readonly tokenFile: string;
  readonly caFile: string;
  /** Of its data, logs, certificates and keys (tls.crt, tls.key, sa.key). */
  readonly directory: string;
  /** From the start of the first process to /readyz, milliseconds. */
  readonly startMs: number;
  /** Of all its processes, megabytes of 10^6 bytes. */
  residentMb(): number;
  /** Ends both processes and starts them again on the same data. */
  restart(): Promise<void>;
  /** Metrics text of the server. */
  metrics(): Promise<string>;
  post(path: string, object: object): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Ports {
  readonly secure: number;
  readonly client: number;
  readonly peer: number;
}

/** Resolves when /readyz answers ok. Rejects with the server's last words when it does not come up. */
export async function startPeer(programs: PeerPrograms, firstPort: number): Promise<Peer> {
  const dir = await mkdtemp(join(tmpdir(), `bench-${programs.name}-`));
  await writeCredentials(dir);
  const peer = new ProcessPeer(programs, dir, { secure: firstPort, client: firstPort + 1, peer: firstPort + 2 });
  try {
    await peer.start();
  } catch (error) {
    await peer[Symbol.asyncDispose]();
    throw error;
  }
  return peer;
}

/** A serving certificate, keys for tokens of service accounts, and a token file, into `dir`. */
export async function writeCredentials(dir: string): Promise<void> {
  const openssl = async (...args: string[]) => {
    const { code, stderr } = await run('openssl', args, {});
    if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
  };
  const subject = ['-subj', '/CN=bench', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await openssl('req', '-x509', ...key, ...subject, '-keyout', join(dir, 'tls.key'), '-out', join(dir, 'tls.crt'));
  await openssl('genrsa', '-out', join(dir, 'sa.key'), '2048');
  await openssl('rsa', '-in', join(dir, 'sa.key'), '-pubout', '-out', join(dir, 'sa.pub'));
  writeFileSync(join(dir, 'token'), 'bench-token');
  writeFileSync(join(dir, 'tokens.csv'), 'bench-token,bench,bench,"system:masters"\n');
}

class ProcessPeer implements Peer {
  readonly name: PeerPrograms['name'];
  readonly url: string;
  readonly tokenFile: string;
  readonly caFile: string;
  readonly directory: string;
  startMs = 0;
  readonly #programs: PeerPrograms;
  readonly #dir: string;
  readonly #ports: Ports;
  #processes: ChildProcess[] = [];

  constructor(programs: PeerPrograms, dir: string, ports: Ports) {
    this.name = programs.name;
    this.url = `https://127.0.0.1:${ports.secure}`;
    this.tokenFile = join(dir, 'token');
    this.caFile = join(dir, 'tls.crt');
    this.#programs = programs;
    this.directory = dir;
    this.#dir = dir;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    const begin = performance.now();
    const { etcd, kubeApiServer } = this.#programs;
    this.#processes = [
      ...(etcd === undefined ? [] : [this.#spawn('etcd', etcd, this.#etcdFlags())]),
      this.#spawn('kube-apiserver', kubeApiServer, this.#serverFlags()),
    ];
    while (!(await this.#isReady())) {
      const dead = this.#processes.find((child) => child.exitCode !== null);
      if (dead !== undefined || performance.now() - begin > READY_MS_MAX) {
        const logs = ['etcd.log', 'kube-apiserver.log'].map((log) => join(this.#dir, log)).filter(existsSync);
        const words = logs.map((log) => readFileSync(log, 'utf8').slice(-2000)).join('\n');
        throw new Error(`${this.name} is not ready: ${words}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.startMs = performance.now() - begin;
  }

  residentMb(): number {
    return this.#processes.reduce((sum, child) => sum + residentMb(child.pid as number), 0);
  }

  async restart(): Promise<void> {
    await this.#stop();
    await this.start();
  }

  metrics(): Promise<string> {
    return this.#ask('GET', '/metrics').then(({ body }) => body);
  }

  post(path: string, object: object): Promise<Answer> {
    return this.#ask('POST', path, JSON.stringify(object));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** The server before its store. */
  async #stop(): Promise<void> {
    for (const child of this.#processes.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await ended;
      clearTimeout(timer);
    }
    this.#processes = [];
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await this.#ask('GET', '/readyz')).status === 200;
    } catch {
      return false; // nobody listens yet
    }
  }

  #ask(method: string, path: string, sent = ''): Promise<Answer> {
    const headers = { authorization: 'Bearer bench-token', 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.url}${path}`, { method, ca: readFileSync(this.caFile), headers, agent: false });
      outgoing.on('error', reject);
      outgoing.on('response', (incoming) => {
        let body = '';
        incoming.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body }));
      });
      outgoing.end(sent);
    });
  }

  #spawn(name: string, program: string, flags: readonly string[]): ChildProcess {
    const log = join(this.#dir, `${name}.log`);
    return spawn('sh', ['-c', 'exec "$0" "$@" >>"$LOG" 2>&1', program, ...flags], {
      env: { ...process.env, LOG: log },
      stdio: 'ignore',
    });
  }

  #storeUrl(): string {
    if (this.#programs.etcd === undefined) return `lmdb://${join(this.#dir, 'store')}`;
    return `http://127.0.0.1:${this.#ports.client}`;
  }

  #etcdFlags(): string[] {
    const client = `http://127.0.0.1:${this.#ports.client}`;
    const peer = `http://127.0.0.1:${this.#ports.peer}`;
    return [
      `--data-dir=${join(this.#dir, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--quota-backend-bytes=8589934592',
    ];
  }

  #serverFlags(): string[] {
    const file = (name: string) => join(this.#dir, name);
    return [
      `--etcd-servers=${this.#storeUrl()}`,
      `--secure-port=${this.#ports.secure}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${file('certs')}`,
      `--tls-cert-file=${file('tls.crt')}`,
      `--tls-private-key-file=${file('tls.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${file('sa.pub')}`,
      `--service-account-signing-key-file=${file('sa.key')}`,
      '--authorization-mode=RBAC',
      `--token-auth-file=${file('tokens.csv')}`,
      '--service-cluster-ip-range=10.0.0.0/24',
    ];
  }
}
