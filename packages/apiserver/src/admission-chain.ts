/** Runs the admission plugins of one server: all that mutate, in order, then all that validate. */
import type { UnknownObject } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import type { ServerAccess } from './resource.ts';

export interface AdmissionChain {
  /** The object after all mutations; the request's own object when nothing changed. */
  mutate(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<UnknownObject | undefined>;
  validate(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<void>;
}

/** Key in a request's memory: set to true by a plugin that wants a second round. */
export const REINVOKE = 'reinvoke';

async function runAll(
  mutators: readonly AdmissionPlugin[],
  request: AdmissionRequest,
  server: ServerAccess,
  ctx: Ctx,
): Promise<AdmissionRequest> {
  let current = request;
  for (const plugin of mutators) {
    if (!plugin.handles(current)) continue;
    const object = await plugin.admit?.(current, server, ctx);
    if (object !== undefined) current = { ...current, object };
  }
  return current;
}

export function createAdmissionChain(plugins: readonly AdmissionPlugin[]): AdmissionChain {
  const mutators = plugins.filter((plugin) => plugin.admit !== undefined);
  const validators = plugins.filter((plugin) => plugin.validate !== undefined);
  return {
    async mutate(request, server, ctx) {
      const first = { ...request, memory: request.memory ?? new Map<string, unknown>() };
      const once = await runAll(mutators, first, server, ctx);
      // One who changes objects from outside may want the others to look again: once, as upstream has it.
      if (first.memory.get(REINVOKE) !== true) return once.object;
      return (await runAll(mutators, { ...once, reinvocation: true }, server, ctx)).object;
    },
    async validate(request, server, ctx) {
      for (const plugin of validators) {
        if (plugin.handles(request)) await plugin.validate?.(request, server, ctx);
      }
    },
  };
}
