/** Plays Stages on the Pods and Nodes of hollow nodes. Source: kwok pkg/kwok/controllers/{pod,node}_controller.go. */
import { coreV1, type KindRef, keyOf, type UnknownObject } from '@kapella/api';
import { type Ctx, describeError, formatTime, isReason, parseTime, type Timer } from '@kapella/base';
import type { Cache, Client, EventRecorder } from '@kapella/client';
import { KUBERNETES_VERSION } from '@kapella/control-plane';
import { parse, stringify } from 'yaml';
import { durationMs } from '../../duration.ts';
import type { TemplateFunctions } from './go-template.ts';
import type { JqPath } from './jq.ts';
import type { Stage, StagePatch } from './stage.ts';

export interface StagePlayerOptions {
  readonly stages: readonly Stage[];
  /** As the fleet: it writes for all of its nodes. */
  readonly client: Client;
  readonly cache: Cache;
  readonly recorder: EventRecorder;
  /** Whether a node is one of the fleet. */
  hasNode(name: string): boolean;
  nodeIp(name: string): string;
  nextPodIp(): string;
}

interface Waiting {
  readonly stage: Stage;
  readonly timer: Timer;
}

const RETRY_MS = 1_000;

/** Runs until `ctx` aborts. */
export function startStages(options: StagePlayerOptions, ctx: Ctx): void {
  const kinds = new Set(options.stages.map(({ kind }) => kind));
  const nodeOf = { Pod: (pod: UnknownObject) => pod.spec?.nodeName, Node: (node: UnknownObject) => node.metadata.name };
  for (const kind of kinds)
    new StagePlayer(options, coreV1[kind] as KindRef<UnknownObject>, nodeOf[kind], kind, ctx).start();
}

class StagePlayer {
  readonly #options: StagePlayerOptions;
  readonly #kind: KindRef<UnknownObject>;
  readonly #nodeOf: (object: UnknownObject) => string | undefined;
  readonly #stages: readonly Stage[];
  readonly #ctx: Ctx;
  readonly #waiting = new Map<string, Waiting>();
  readonly #podIps = new Map<string, string>();

  constructor(
    options: StagePlayerOptions,
    kind: KindRef<UnknownObject>,
    nodeOf: (object: UnknownObject) => string | undefined,
    name: Stage['kind'],
    ctx: Ctx,
  ) {
    this.#options = options;
    this.#kind = kind;
    this.#nodeOf = nodeOf;
    this.#stages = options.stages.filter((stage) => stage.kind === name);
    this.#ctx = ctx;
  }

  start(): void {
    this.#options.cache.informer(this.#kind).subscribe({
      add: (object) => this.#look(object),
      update: (object) => this.#look(object),
      delete: (object) => this.#forget(keyOf(object)),
    });
    this.#ctx.signal.addEventListener('abort', () => {
      for (const { timer } of this.#waiting.values()) timer.cancel();
      this.#waiting.clear();
    });
  }

  #forget(key: string): void {
    this.#waiting.get(key)?.timer.cancel();
    this.#waiting.delete(key);
    this.#podIps.delete(key);
  }

  #look(object: UnknownObject): void {
    const node = this.#nodeOf(object);
    if (node === undefined || !this.#options.hasNode(node) || this.#ctx.signal.aborted) return;
    const key = keyOf(object);
    const matching = this.#stages.filter((stage) => stage.matches(object));
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined && matching.includes(waiting.stage)) return;
    waiting?.timer.cancel();
    this.#waiting.delete(key);
    const stage = this.#choose(matching, object);
    if (stage !== undefined) this.#schedule(key, stage, this.#delayOf(stage, object));
  }

  #schedule(key: string, stage: Stage, delayMs: number): void {
    const timer = this.#ctx.clock.setTimer(delayMs, () => {
      this.#waiting.delete(key);
      const object = this.#options.cache.get(this.#kind, key);
      if (object === undefined || !stage.matches(object)) return;
      this.#play(stage, object).catch((error: unknown) => {
        if (this.#ctx.signal.aborted || isReason(error, 'NotFound', 'Conflict')) return;
        this.#ctx.log.warn('stage not played', { stage: stage.name, object: key, error: describeError(error) });
        if (!this.#waiting.has(key)) this.#schedule(key, stage, RETRY_MS);
      });
    });
    this.#waiting.set(key, { stage, timer });
  }

  /** By weight; without any weight the first counts. */
  #choose(matching: readonly Stage[], object: UnknownObject): Stage | undefined {
    if (matching.length < 2) return matching[0];
    const weights = matching.map(({ weight, weightFrom }) =>
      Math.max(0, Number(firstOf(weightFrom, object) ?? weight) || 0),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) return matching[Math.floor(this.#ctx.random.float() * matching.length)];
    let left = this.#ctx.random.float() * total;
    return matching.find((_stage, i) => {
      left -= weights[i] as number;
      return left < 0;
    });
  }

  #delayOf({ delayMs, delayFrom, jitterMs, jitterFrom }: Stage, object: UnknownObject): number {
    const nowMs = this.#ctx.clock.nowMs();
    const delay = timeOf(firstOf(delayFrom, object), nowMs) ?? delayMs;
    const jitter = timeOf(firstOf(jitterFrom, object), nowMs) ?? jitterMs;
    if (jitter === undefined) return delay;
    return jitter <= delay ? jitter : delay + this.#ctx.random.float() * (jitter - delay);
  }

  async #play({ next }: Stage, object: UnknownObject): Promise<void> {
    const { client, recorder } = this.#options;
    const { event, finalizers } = next;
    if (event !== undefined) {
      const about = { kind: this.#kind.kind, apiVersion: 'v1', metadata: object.metadata };
      recorder.event(about, event.type, event.reason, event.message);
    }
    const present = object.metadata.finalizers ?? [];
    const kept = finalizers.empty ? [] : present.filter((name) => !finalizers.remove.includes(name));
    const wanted = [...new Set([...kept, ...finalizers.add])];
    if (wanted.length !== present.length || wanted.some((name) => !present.includes(name))) {
      const body = { metadata: { finalizers: wanted, resourceVersion: object.metadata.resourceVersion } };
      await client.patch(this.#kind, object, { type: 'merge', body }, this.#ctx);
    }
    if (next.isDelete) {
      await client.delete(this.#kind, object, this.#ctx, { gracePeriodSeconds: 0, uid: object.metadata.uid });
      return;
    }
    for (const patch of next.patches) await this.#patch(patch, object);
  }

  async #patch({ template, root, subresource, type }: StagePatch, object: UnknownObject): Promise<void> {
    const rendered: unknown = parse(template(object, this.#functionsFor(object)));
    if (rendered === null || rendered === undefined) return;
    const body = root === undefined ? rendered : { [root]: rendered };
    const options = subresource === undefined ? {} : { subresource };
    await this.#options.client.patch(this.#kind, object, { type, body } as never, this.#ctx, options);
  }

  #functionsFor(object: UnknownObject): TemplateFunctions {
    const { nodeIp } = this.#options;
    const now = formatTime(this.#ctx.clock.nowMs());
    const node = this.#nodeOf(object) ?? '';
    const podIp = () => {
      const key = keyOf(object);
      const known = object.status?.podIP ?? this.#podIps.get(key) ?? this.#options.nextPodIp();
      this.#podIps.set(key, known);
      return known;
    };
    return {
      Now: () => now,
      Quote: (value) => JSON.stringify(String(value ?? '')),
      YAML: (value, indent = 0) => indented(stringify(value), Number(indent)),
      Version: () => KUBERNETES_VERSION,
      NodeName: () => node,
      NodeIP: () => nodeIp(node),
      NodePort: () => 0,
      NodeIPWith: (name) => nodeIp(String(name)),
      PodIPWith: (name, hostNetwork) => (hostNetwork === true ? nodeIp(String(name)) : podIp()),
      NodeConditions: () => NODE_CONDITIONS,
    };
  }
}

function firstOf(path: JqPath | undefined, object: object): unknown {
  return path?.(object)[0] ?? undefined;
}

/** A duration, or the time until then. */
function timeOf(value: unknown, nowMs: number): number | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const at = /^\d{4}-/.test(value) ? parseTime(value) : undefined;
  return at === undefined ? durationMs(value) : Math.max(0, at - nowMs);
}

const indented = (text: string, levels: number) => `\n${text.trimEnd().replace(/^/gm, '  '.repeat(levels))}`;

const condition = (type: string, status: string, reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
});
const NODE_CONDITIONS = [
  condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
  condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
  condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
  condition('NetworkUnavailable', 'False', 'RouteCreated', 'RouteController created a route'),
];
