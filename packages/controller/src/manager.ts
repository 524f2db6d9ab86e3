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
  await Promise.all([
    guarded('cache', runtime.cache.run(inner)),
    ...controllers.map((controller) => guarded(controller.name, controller.run(runtime, inner))),
  ]);
  if (failure !== undefined) throw failure;
}
