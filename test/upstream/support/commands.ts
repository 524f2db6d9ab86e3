/** Programs of others in a suite's cases: a command that must succeed, one that must fail, kubectl. */
import { type CommandOptions, run, splitArgs } from '../../support/cluster.ts';

/** What it printed. Rejects with all of its output when it fails. */
export async function succeed(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}\n${tail(stdout)}${tail(stderr)}`);
  return stdout;
}

/** What it printed as it failed. Rejects when it succeeds. */
export async function fail(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code === 0) throw new Error(`${command} ${args.join(' ')} was to fail and did not\n${tail(stdout)}`);
  return stdout + stderr;
}

const tail = (text: string) => text.slice(-4_000);

export interface Kubectl {
  /** Arguments as a shell would split them. Rejects with all output when it fails. */
  (args: string, options?: CommandOptions): Promise<string>;
  /** `kubectl get ARGS -o json`. */
  get<T = Manifest>(args: string): Promise<T>;
  /** `kubectl apply -f -`. */
  apply(...objects: readonly object[]): Promise<string>;
}

/** What cases read of an object. */
export interface Manifest {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Status;
}

interface Status extends Readonly<Record<string, unknown>> {
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
}

export function kubectlFor(kubeconfig: string): Kubectl {
  const env = { KUBECONFIG: kubeconfig, KUBECTL_KUBERC: 'false' };
  const kubectl = (args: string, options: CommandOptions = {}) =>
    succeed('kubectl', splitArgs(args), { ...options, env: { ...env, ...options.env } });
  return Object.assign(kubectl, {
    get: async <T>(args: string) => JSON.parse(await kubectl(`get ${args} -o json`)) as T,
    apply: (...objects: readonly object[]) =>
      kubectl('apply -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) }),
  });
}
