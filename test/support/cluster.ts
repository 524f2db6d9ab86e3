/** A real cluster for one test file: `kapella up` on this machine, real kubectl, everything removed at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importTestImages } from './images.ts';
import { ensureKubectl } from './kubectl.ts';

const ROOT = join(import.meta.dirname, '../..');
const KAPELLA = join(ROOT, 'kapella');
const WAIT_MS_MAX = 60_000;
const POLL_MS = 100;

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface TestCluster extends AsyncDisposable {
  readonly name: string;
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly apiPort: number;
  /** Arguments as a shell would split them: quotes group. Throws with all output when it fails. */
  kubectl(args: string, options?: CommandOptions): Promise<string>;
  /** The same, but failure is an answer. */
  tryKubectl(args: string, options?: CommandOptions): Promise<CommandResult>;
  /** Leaves it running: for -f, -w, port-forward, attach. */
  spawnKubectl(args: string): ChildProcess;
  kapella(args: string, options?: CommandOptions): Promise<CommandResult>;
  /** `kubectl apply -f -`. */
  apply(manifest: object | readonly object[] | string): Promise<string>;
  /** A namespace of its own, with a name that starts with `prefix`. */
  namespace(prefix: string): Promise<string>;
}

export interface ClusterSpec {
  readonly name: string;
  readonly apiPort: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Extra arguments of `kapella up`. */
  readonly args?: readonly string[];
  /** Of the processes of the cluster: another PATH gives it another containerd. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Names and networks differ, so that a cluster left over by a crashed run cannot get in the way of the next file. */
export async function startCluster(spec: ClusterSpec): Promise<TestCluster> {
  const kubectlPath = await ensureKubectl();
  const dataDir = mkdtempSync(join(tmpdir(), `kapella-${spec.name}-`));
  const flags = ['--name', spec.name, '--data-dir', dataDir, '--api-port', String(spec.apiPort)];
  const networks = ['--pod-cidr', spec.podCidr, '--service-cidr', spec.serviceCidr, '--node-name', spec.name];
  const cluster = createTestCluster(spec, dataDir, kubectlPath, [...flags, ...networks]);
  await must(run(KAPELLA, ['reset', '--name', spec.name, '--data-dir', dataDir, '--yes'], {}), 'kapella reset');
  const upArgs = ['up', ...flags, ...networks, '--yes', ...(spec.args ?? [])];
  try {
    await must(run(KAPELLA, upArgs, { timeoutMs: 180_000, env: spec.env ?? {} }), 'kapella up');
    await importTestImages(spec.name, dataDir);
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}

/** For a cluster that the caller starts; it is removed with the returned object. */
export async function attachCluster(spec: ClusterSpec, dataDir: string): Promise<TestCluster> {
  const flags = ['--name', spec.name, '--data-dir', dataDir];
  return createTestCluster(spec, dataDir, await ensureKubectl(), flags);
}

function createTestCluster(
  spec: ClusterSpec,
  dataDir: string,
  kubectlPath: string,
  flags: readonly string[],
): TestCluster {
  const kubeconfig = join(dataDir, 'admin.kubeconfig');
  const env = { KUBECONFIG: kubeconfig, KUBECTL_KUBERC: 'false', HOME: dataDir };
  let namespaces = 0;
  const tryKubectl = (args: string, options: CommandOptions = {}) =>
    run(kubectlPath, splitArgs(args), { ...options, env: { ...env, ...options.env } });
  return {
    name: spec.name,
    dataDir,
    kubeconfig,
    apiPort: spec.apiPort,
    tryKubectl,
    kubectl: async (args, options) => (await must(tryKubectl(args, options), `kubectl ${args}`)).stdout,
    spawnKubectl: (args) => spawn(kubectlPath, splitArgs(args), { env: { ...process.env, ...env } }),
    kapella: (args, options) =>
      run(KAPELLA, [...splitArgs(args), '--name', spec.name, '--data-dir', dataDir], {
        ...options,
        env: { ...spec.env, ...options?.env },
      }),
    async apply(manifest) {
      const objects = Array.isArray(manifest) ? manifest : [manifest];
      const text = typeof manifest === 'string' ? manifest : objects.map((o) => JSON.stringify(o)).join('\n---\n');
      return (await must(tryKubectl('apply -f -', { input: text }), 'kubectl apply')).stdout;
    },
    async namespace(prefix) {
      const name = `${prefix}-${++namespaces}`;
      await must(tryKubectl(`create namespace ${name}`), `namespace ${name}`);
      return name;
    },
    async [Symbol.asyncDispose]() {
      if (process.env['KAPELLA_TEST_KEEP'] !== undefined) return;
      await must(run(KAPELLA, ['reset', ...flags.slice(0, 4), '--yes'], { timeoutMs: 120_000 }), 'kapella reset');
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function must(result: Promise<CommandResult>, what: string): Promise<CommandResult> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`${what}: exit code ${code}\n${stdout}${stderr}`);
  return { code, stdout, stderr };
}

/** Runs a program to its end. A time-out kills it and is code 124. */
export function run(command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...options.env }, cwd: options.cwd ?? ROOT });
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 120_000);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: timedOut ? 124 : (code ?? 1), stdout, stderr });
    });
    child.stdin.on('error', () => {}); // a program that ends without reading its input
    child.stdin.end(options.input ?? '');
  });
}

/** Splits at blanks; single and double quotes group and are taken away. */
export function splitArgs(text: string): string[] {
  const args: string[] = [];
  for (const match of text.matchAll(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g))
    args.push(match[0].replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  return args;
}

/** Waits until `probe` answers something other than undefined or false; an error it throws is the last cause. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  timeoutMs = WAIT_MS_MAX,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = 'not yet';
  while (performance.now() < deadline) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited ${timeoutMs / 1000} s until ${what}`, { cause: last });
}

/** Writes files into a new directory; removed by the caller with the test's directory. */
export function writeFiles(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'kapella-files-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}
