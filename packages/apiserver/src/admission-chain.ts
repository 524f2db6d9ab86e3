/** Runs the admission plugins of one server: all that mutate, in order, then all that validate. */
import type { UnknownObject } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { type AdmissionMetrics, NO_ADMISSION_METRICS } from './metrics/admission-metrics.ts';
import type { ServerAccess } from './resource.ts';

export interface AdmissionChain {
  /** The object after all mutations; the request's own object when nothing changed. */
  mutate(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<UnknownObject | undefined>;
  validate(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<void>;
}

/** Key in a request's memory: set to true by a plugin that wants a second round. */
export const REINVOKE = 'reinvoke';

/** `work`, with its time and end told; a refusal goes on as it came. */
async function timed<T>(work: () => Promise<T>, told: (rejected: boolean, seconds: number) => void, { clock }: Ctx) {
  const fromMs = clock.monotonicMs();
  try {
    const done = await work();
    told(false, (clock.monotonicMs() - fromMs) / 1000);
    return done;
  } catch (error) {
    told(true, (clock.monotonicMs() - fromMs) / 1000);
    throw error;
  }
}

export function createAdmissionChain(
  plugins: readonly AdmissionPlugin[],
  metrics: AdmissionMetrics = NO_ADMISSION_METRICS,
): AdmissionChain {
  const mutators = plugins.filter((plugin) => plugin.admit !== undefined);
  const validators = plugins.filter((plugin) => plugin.validate !== undefined);
  const mutateAll = async (request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<AdmissionRequest> => {
    let current = request;
    for (const plugin of mutators) {
      if (!plugin.handles(current)) continue;
      const told = (rejected: boolean, seconds: number) =>
        metrics.plugin(plugin.name, 'admit', request.operation, rejected, seconds);
      const object = await timed(async () => plugin.admit?.(current, server, ctx), told, ctx);
      if (object !== undefined) current = { ...current, object };
    }
    return current;
  };
  const mutateTwice = async (request: AdmissionRequest, server: ServerAccess, ctx: Ctx) => {
    const first = { ...request, memory: request.memory ?? new Map<string, unknown>() };
    const once = await mutateAll(first, server, ctx);
    // One who changes objects from outside may want the others to look again: once, as upstream has it.
    if (first.memory.get(REINVOKE) !== true) return once.object;
    return (await mutateAll({ ...once, reinvocation: true }, server, ctx)).object;
  };
  const validateAll = async (request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<void> => {
    for (const plugin of validators) {
      if (!plugin.handles(request)) continue;
      const told = (rejected: boolean, seconds: number) =>
        metrics.plugin(plugin.name, 'validate', request.operation, rejected, seconds);
      await timed(async () => plugin.validate?.(request, server, ctx), told, ctx);
    }
  };
  return {
    mutate: (request, server, ctx) =>
      timed(
        () => mutateTwice(request, server, ctx),
        (rejected, seconds) => metrics.step('admit', request.operation, rejected, seconds),
        ctx,
      ),
    validate: (request, server, ctx) =>
      timed(
        () => validateAll(request, server, ctx),
        (rejected, seconds) => metrics.step('validate', request.operation, rejected, seconds),
        ctx,
      ),
  };
}
