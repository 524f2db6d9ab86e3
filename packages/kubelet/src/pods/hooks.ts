/** postStart and preStop. Source: kubernetes pkg/kubelet/lifecycle/handlers.go. */
import type { HTTPGetAction, LifecycleHandler, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, sleep } from '@kapella/base';
import { type Cri, isCriError } from '../cri/cri.ts';
import { type AnyContainer, describePod, formatList } from '../lifecycle/observed.ts';

/** Sends the request of a hook; any answer is fine, no answer is an error. */
export type HttpHook = (action: HTTPGetAction, at: HookCall, ctx: Ctx) => Promise<void>;

export interface HookCall {
  readonly cri: Cri;
  readonly http: HttpHook;
  readonly pod: Pod;
  readonly container: AnyContainer;
  readonly containerId: string;
  readonly podIp: string;
}

/** Throws an Error with upstream's text when the hook fails. */
export async function runHook(handler: LifecycleHandler, call: HookCall, ctx: Ctx): Promise<void> {
  const { container, pod } = call;
  const whose = `for Container "${container.name}" in Pod "${describePod(pod)}" failed`;
  if (handler.exec !== undefined) return await runExec(handler.exec.command ?? [], whose, call, ctx);
  if (handler.httpGet !== undefined) {
    try {
      return await call.http(handler.httpGet, call, ctx);
    } catch (cause) {
      const path = handler.httpGet.path ?? '';
      throw new Error(`HTTP lifecycle hook (${path}) ${whose} - error: ${describeError(cause)}`, { cause });
    }
  }
  if (handler.sleep !== undefined) return await sleep(handler.sleep.seconds * 1000, ctx);
  throw new Error(`Cannot run handler: invalid handler: ${JSON.stringify(handler)}`);
}

async function runExec(command: readonly string[], whose: string, call: HookCall, ctx: Ctx): Promise<void> {
  const fail = (error: string, output: string, cause?: unknown) =>
    new Error(
      `Exec lifecycle hook (${formatList(command)}) ${whose} - error: ${error}, message: ${JSON.stringify(output)}`,
      cause === undefined ? undefined : { cause },
    );
  const run = call.cri.execSync(call.containerId, command, 0, ctx).catch((cause: unknown) => {
    throw fail(isCriError(cause) ? cause.message : describeError(cause), '', cause);
  });
  const { stdout, stderr, exitCode } = await run;
  if (exitCode === 0) return;
  const text = new TextDecoder();
  const output = text.decode(stdout) + text.decode(stderr);
  throw fail(`command '${command.join(' ')}' exited with ${exitCode}: ${text.decode(stderr)}`, output);
}
