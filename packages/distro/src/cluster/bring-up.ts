/** `kapella up` as a plan over a machine: checks, what the machine lacks, then containerd, server and node, overlapped. */
import { type Ctx, childCtx } from '@kapella/base';
import { CliError, type Reporter } from '@kapella/cli';
import type { DoctorResult } from '../host/doctor.ts';
import type { HostStep, Progress } from '../host/step.ts';

/** The processes of a cluster of one node. */
export type MainPartName = 'containerd' | 'server' | 'node';
export type PartName = MainPartName | `containerd-${number}` | `node-${number}`;

/** One process of a cluster. */
export interface Part {
  readonly name: PartName;
  /** For a user: `API server`. */
  readonly text: string;
  isRunning(): Promise<boolean>;
  /** Starts it in the background. */
  start(ctx: Ctx): Promise<void>;
  /** Waits until it does its work; returns what to show. Throws CliError Runtime when it ended, Timeout when it is late. */
  ready(ctx: Ctx, progress: Progress): Promise<string>;
  stop(ctx: Ctx): Promise<void>;
}

export interface Machine {
  /** Checks of `kapella doctor`. */
  findings(ctx: Ctx): Promise<readonly DoctorResult[]>;
  /** What all clusters of the machine share: packages, kernel modules, sysctls. */
  readonly steps: readonly HostStep[];
  readonly parts: Readonly<Record<MainPartName, Part>>;
  /** Runtime and agent of each node after the first. */
  readonly further: readonly { readonly containerd: Part; readonly node: Part }[];
  /** Resolves when the server has written the keys that the node agent reads. */
  keysWritten(ctx: Ctx): Promise<void>;
}

export interface BringUpOptions {
  /** False: say what will be done, and do it. */
  readonly mayAsk: boolean;
  /** False: return when the processes are started. */
  readonly wait: boolean;
  ask(question: string): Promise<boolean>;
  /** Called once nothing stands in the way any more, before the first process is started. */
  beforeStart(): Promise<void>;
}

/** Names of the parts that were started now; those that ran already are left alone. Nothing half-left when it throws. */
export async function bringUp(
  machine: Machine,
  options: BringUpOptions,
  reporter: Reporter,
  ctx: Ctx,
): Promise<readonly PartName[]> {
  const missing = await missingParts(machine);
  if (missing.length > 0) {
    await checkMachine(machine, reporter, ctx);
    await prepareMachine(machine.steps, options, reporter, ctx);
  }
  await options.beforeStart();
  await startParts(machine, new Set(missing), options, reporter, ctx);
  return missing;
}

async function missingParts({ parts, further }: Machine): Promise<PartName[]> {
  const all = [...Object.values(parts), ...further.flatMap(({ containerd, node }) => [containerd, node])];
  const running = await Promise.all(all.map((part) => part.isRunning()));
  return all.filter((_, index) => !running[index]).map(({ name }) => name);
}

/** What the steps after it mend is no reason to stop. */
const MENDED_BY_STEPS = new Set(['packages']);

async function checkMachine(machine: Machine, reporter: Reporter, ctx: Ctx): Promise<void> {
  const step = reporter.step('check', 'the machine');
  const failures = (await machine.findings(ctx)).filter(
    ({ name, status }) => status === 'fail' && !MENDED_BY_STEPS.has(name),
  );
  const [first, ...rest] = failures;
  if (first === undefined) {
    step.done('fit for a node');
    return;
  }
  step.failed(first.name);
  for (const { name, detail, fix } of rest) reporter.say(`  also ${name}: ${detail}. Fix: ${fix ?? ''}`);
  throw new CliError('Host', `${first.name}: ${first.detail}`, first.fix ?? 'kapella doctor');
}

/** What the machine lacks, after a question. */
export async function prepareMachine(
  steps: readonly HostStep[],
  options: Pick<BringUpOptions, 'mayAsk' | 'ask'>,
  reporter: Reporter,
  ctx: Ctx,
): Promise<void> {
  const done = await Promise.all(steps.map((step) => step.check(ctx)));
  const wanted = steps.filter((_, index) => !done[index]);
  if (wanted.length === 0) return;
  for (const step of wanted) {
    reporter.say(`\n${step.name}: ${step.why}`);
    for (const line of await step.plan(ctx)) reporter.say(`    ${line}`);
  }
  if (options.mayAsk && !(await options.ask('Do this now? [Y/n] '))) {
    throw new CliError('Failed', 'stopped at your wish; nothing was changed', 'Do it by hand, or answer with y.');
  }
  for (const step of wanted) {
    const shown = reporter.step(step.name, step.name);
    try {
      await step.apply(ctx, (text) => shown.progress(text));
    } catch (error) {
      shown.failed(error instanceof Error ? error.message : String(error));
      throw error;
    }
    shown.done();
  }
}

async function startParts(
  machine: Machine,
  missing: ReadonlySet<PartName>,
  options: BringUpOptions,
  reporter: Reporter,
  ctx: Ctx,
): Promise<void> {
  const { containerd, server, node } = machine.parts;
  const failed = new AbortController();
  const inner = childCtx(ctx, failed.signal);
  const start = async (part: Part) => {
    if (missing.has(part.name)) await part.start(inner);
  };
  let progress: Progress = () => {};
  const ready = async (part: Part) => (options.wait ? part.ready(inner, (text) => progress(text)) : 'started');
  // All at once: the node agent needs the runtime and its keys, and waits for the API itself.
  const runtimeUp = start(containerd).then(() => ready(containerd));
  const serverStarted = start(server);
  const serverUp = serverStarted.then(() => ready(server));
  const nodeStarted = Promise.all([runtimeUp, serverStarted.then(() => machine.keysWritten(inner))]).then(() =>
    start(node),
  );
  const nodeUp = Promise.all([nodeStarted, serverUp]).then(() => ready(node));
  const furtherUp = machine.further.map(async (member) => {
    await Promise.all([start(member.containerd).then(() => ready(member.containerd)), serverUp, nodeStarted]);
    await start(member.node);
    return ready(member.node);
  });
  const works: readonly (readonly [Part, Promise<string>])[] = [
    [server, serverUp],
    [containerd, runtimeUp],
    [node, nodeUp],
    ...machine.further.map((member, index) => [member.node, furtherUp[index] as Promise<string>] as const),
  ];
  try {
    // The first failure calls off the rest, whichever line is being shown.
    for (const work of [...works.map(([, up]) => up), nodeStarted]) work.catch((error) => failed.abort(error));
    for (const [part, work] of works) {
      const shown = reporter.step(part.name, part.text);
      progress = (text) => shown.progress(text);
      try {
        shown.done(await work);
      } catch (error) {
        shown.failed(error instanceof Error ? error.message : String(error));
        throw error;
      }
    }
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([runtimeUp, serverUp, nodeStarted, nodeUp, ...furtherUp]);
    const others = machine.further.flatMap((member) => [member.node, member.containerd]);
    await stopParts(
      [...others, node, server, containerd].filter(({ name }) => missing.has(name)),
      reporter,
      ctx,
    );
    throw error;
  }
}

/** Also when the work as a whole was called off. */
async function stopParts(parts: readonly Part[], reporter: Reporter, ctx: Ctx): Promise<void> {
  const calm: Ctx = { ...ctx, signal: new AbortController().signal };
  for (const part of parts) {
    try {
      await part.stop(calm);
    } catch (error) {
      reporter.say(`  ${part.name} could not be stopped: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
