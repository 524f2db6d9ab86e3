/** Runs controllers side by side over one cache. Source: controller-runtime pkg/manager. */
import type { Ctx } from '@kapella/base';
import { childCtx, describeError } from '@kapella/base';
import type { Controller, ControllerRuntime } from './controller.ts';

/**
 * Starts the informers that the controllers read, and the controllers. Runs until ctx aborts; settles when all have
 * settled. Rejects when a controller fails outside its reconciler, which is a bug, after stopping the others.
 */
export async function runControllers(
  controllers: readonly Controller[],
  runtime: ControllerRuntime,
  ctx: Ctx,
): Promise<void> {
  const stop = new AbortController();
  const inner = childCtx(ctx, stop.signal);
  for (const controller of controllers) for (const kind of controller.reads) runtime.cache.informer(kind);
  let failure: unknown;
  const guarded = async (name: string, run: Promise<void>) => {
    try {
      await run;
    } catch (error) {
      failure ??= new Error(`controller ${name} failed: ${describeError(error)}`, { cause: error });
      stop.abort(failure);
    }
  };
  const running = runtime.metrics?.gauge('running_managed_controllers', 'Controllers that run, by manager.', [
    ...['name', 'manager'],
  ]);
  const runOne = async (controller: Controller) => {
    const labels = [controller.name, runtime.manager ?? ''];
    running?.set(labels, 1);
    await controller.run(runtime, inner).finally(() => running?.set(labels, 0));
  };
  await Promise.all([
    guarded('cache', runtime.cache.run(inner)),
    ...controllers.map((controller) => guarded(controller.name, runOne(controller))),
  ]);
  if (failure !== undefined) throw failure;
}
