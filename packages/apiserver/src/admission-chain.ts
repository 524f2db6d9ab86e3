/** Runs the admission plugins of one server: all that mutate, in order, then all that validate. */
import type { UnknownObject } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { type AdmissionMetrics, type AdmissionPhase, NO_ADMISSION_METRICS } from './metrics/admission-metrics.ts';
import type { DistributionSeries } from './metrics/registry.ts';
import type { ServerAccess } from './resource.ts';

export interface AdmissionChain {
  /** The object after all mutations; the request's own object when nothing changed. No promise where nobody is asked. */
  mutate(
    request: AdmissionRequest,
    server: ServerAccess,
    ctx: Ctx,
  ): UnknownObject | undefined | Promise<UnknownObject | undefined>;
  /** undefined: nobody is asked. */
  validate(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<void> | undefined;
}

/** Key in a request's memory: set to true by a plugin that wants a second round. */
export const REINVOKE = 'reinvoke';

export function createAdmissionChain(
  plugins: readonly AdmissionPlugin[],
  metrics: AdmissionMetrics = NO_ADMISSION_METRICS,
): AdmissionChain {
  return new PluginChain(plugins, metrics);
}

type Told = Pick<DistributionSeries, 'observe'>;

/** What is told of those who are not asked, by operation. */
class PassedSeries {
  readonly #byOperation = new Map<string, Told>();
  readonly #make: (operation: string) => Told;

  constructor(make: (operation: string) => Told) {
    this.#make = make;
  }

  tell(operation: string): void {
    let told = this.#byOperation.get(operation);
    if (told === undefined) {
      told = this.#make(operation);
      this.#byOperation.set(operation, told);
    }
    told.observe(0);
  }
}

interface Phase {
  readonly name: AdmissionPhase;
  readonly rows: readonly { readonly plugin: AdmissionPlugin; readonly passed: PassedSeries }[];
  readonly passed: PassedSeries;
}

class PluginChain implements AdmissionChain {
  readonly #mutators: Phase;
  readonly #validators: Phase;
  readonly #metrics: AdmissionMetrics;

  constructor(plugins: readonly AdmissionPlugin[], metrics: AdmissionMetrics) {
    this.#metrics = metrics;
    this.#mutators = this.#phaseOf('admit', plugins);
    this.#validators = this.#phaseOf('validate', plugins);
  }

  #phaseOf(phase: AdmissionPhase, plugins: readonly AdmissionPlugin[]): Phase {
    const passed = (name?: string) => new PassedSeries((operation) => this.#metrics.passed(name, phase, operation));
    const own = plugins.filter((plugin) => plugin[phase] !== undefined);
    return { name: phase, rows: own.map((plugin) => ({ plugin, passed: passed(plugin.name) })), passed: passed() };
  }

  mutate(
    request: AdmissionRequest,
    server: ServerAccess,
    ctx: Ctx,
  ): UnknownObject | undefined | Promise<UnknownObject | undefined> {
    if (areIdle(this.#mutators, request, server)) return request.object;
    return this.#timed('admit', request, ctx, () => this.#mutateTwice(request, server, ctx));
  }

  validate(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<void> | undefined {
    if (areIdle(this.#validators, request, server)) return undefined;
    return this.#timed('validate', request, ctx, () => this.#validateAll(request, server, ctx));
  }

  async #mutateTwice(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<UnknownObject | undefined> {
    const first = { ...request, memory: request.memory ?? new Map<string, unknown>() };
    const once = await this.#mutateAll(first, server, ctx);
    // One who changes objects from outside may want the others to look again: once, as upstream has it.
    if (first.memory.get(REINVOKE) !== true) return once.object;
    return (await this.#mutateAll({ ...once, reinvocation: true }, server, ctx)).object;
  }

  async #mutateAll(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<AdmissionRequest> {
    let current = request;
    for (const { plugin, passed } of this.#mutators.rows) {
      if (!isAsked(plugin, passed, current, server)) continue;
      const asked = current;
      const object = await this.#timedPlugin(plugin, 'admit', asked, ctx, async () =>
        plugin.admit?.(asked, server, ctx),
      );
      if (object !== undefined) current = { ...current, object };
    }
    return current;
  }

  async #validateAll(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<void> {
    for (const { plugin, passed } of this.#validators.rows) {
      if (!isAsked(plugin, passed, request, server)) continue;
      await this.#timedPlugin(plugin, 'validate', request, ctx, async () => plugin.validate?.(request, server, ctx));
    }
  }

  #timed<T>(phase: AdmissionPhase, { operation }: AdmissionRequest, ctx: Ctx, work: () => Promise<T>): Promise<T> {
    return timed(work, (rejected, seconds) => this.#metrics.step(phase, operation, rejected, seconds), ctx);
  }

  #timedPlugin<T>(
    { name }: AdmissionPlugin,
    phase: AdmissionPhase,
    { operation }: AdmissionRequest,
    ctx: Ctx,
    work: () => Promise<T>,
  ): Promise<T> {
    return timed(work, (rejected, seconds) => this.#metrics.plugin(name, phase, operation, rejected, seconds), ctx);
  }
}

/** Most writes concern none of what is configured: they cost nobody a promise. */
function areIdle({ rows, passed }: Phase, request: AdmissionRequest, server: ServerAccess): boolean {
  for (const { plugin } of rows) if (plugin.handles(request) && plugin.isIdle?.(request, server) !== true) return false;
  for (const row of rows) if (row.plugin.handles(request)) row.passed.tell(request.operation);
  passed.tell(request.operation);
  return true;
}

function isAsked(
  plugin: AdmissionPlugin,
  passed: PassedSeries,
  request: AdmissionRequest,
  server: ServerAccess,
): boolean {
  if (!plugin.handles(request)) return false;
  if (plugin.isIdle?.(request, server) !== true) return true;
  passed.tell(request.operation);
  return false;
}

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
