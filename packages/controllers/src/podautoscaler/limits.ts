/** Keeps recommendations steady, within bounds and not too fast. Pure. Source: …/podautoscaler/horizontal.go, normalizeDesired…. */
import type { HorizontalPodAutoscaler, HPAScalingRules } from '@kapella/api/types/autoscaling-v2';
import type { Tuning } from '../tuning.ts';

const UP_FACTOR = 2;
const UP_MINIMUM = 4;
const INT32_MAX = 2 ** 31 - 1;

export interface Recommendation {
  readonly replicas: number;
  readonly atMs: number;
}

export interface ScaleEvent {
  readonly change: number;
  readonly atMs: number;
}

/** What a controller remembers of one autoscaler. */
export interface ScalingMemory {
  readonly recommendations: readonly Recommendation[];
  readonly ups: readonly ScaleEvent[];
  readonly downs: readonly ScaleEvent[];
}

export interface Limited {
  readonly replicas: number;
  /** Reasons and messages for the conditions AbleToScale and ScalingLimited. */
  readonly able: readonly [string, string];
  readonly limited: readonly ['True' | 'False', string, string];
  readonly memory: ScalingMemory;
}

export interface LimitInput {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly current: number;
  readonly desired: number;
  readonly min: number;
  readonly memory: ScalingMemory;
  readonly nowMs: number;
  readonly tuning: Tuning;
}

type Bounded = readonly [number, string, string];

export function limit(input: LimitInput): Limited {
  const { autoscaler, desired, memory, nowMs } = input;
  const steady = autoscaler.spec.behavior === undefined ? steadyPlain(input) : steadyByRules(input);
  const wantsMore = autoscaler.spec.behavior !== undefined && desired >= input.current;
  const which = wantsMore ? ['ScaleUpStabilized', 'lower', 'lowest'] : ['ScaleDownStabilized', 'higher', 'highest'];
  const stabilized: readonly [string, string] = [
    which[0] as string,
    `recent recommendations were ${which[1]} than current one, applying the ${which[2]} recent recommendation`,
  ];
  const able =
    steady !== desired ? stabilized : (['ReadyForNewScale', 'recommended size matches current size'] as const);
  const [replicas, reason, message] =
    autoscaler.spec.behavior === undefined ? boundPlain(input, steady) : boundByRules(input, steady);
  const keptMs = longestWindowMs(input);
  const kept = memory.recommendations.filter(({ atMs }) => atMs >= nowMs - keptMs);
  return {
    replicas,
    able,
    limited: [replicas === steady ? 'False' : 'True', reason, message],
    memory: { ...memory, recommendations: [...kept, { replicas: desired, atMs: nowMs }] },
  };
}

/** After a scaling. */
export function remember(
  memory: ScalingMemory,
  autoscaler: HorizontalPodAutoscaler,
  current: number,
  desired: number,
  nowMs: number,
): ScalingMemory {
  const { behavior } = autoscaler.spec;
  if (behavior === undefined) return memory;
  const add = (events: readonly ScaleEvent[], rules: HPAScalingRules | undefined, change: number) => {
    const longestMs = Math.max(0, ...(rules?.policies ?? []).map((policy) => policy.periodSeconds)) * 1000;
    return [...events.filter(({ atMs }) => atMs >= nowMs - longestMs), { change, atMs: nowMs }];
  };
  if (desired > current) return { ...memory, ups: add(memory.ups, behavior.scaleUp, desired - current) };
  return { ...memory, downs: add(memory.downs, behavior.scaleDown, current - desired) };
}

const windowMsOf = (rules: HPAScalingRules | undefined, otherwiseMs: number) =>
  rules?.stabilizationWindowSeconds === undefined ? otherwiseMs : rules.stabilizationWindowSeconds * 1000;

function longestWindowMs({ autoscaler, tuning }: LimitInput): number {
  const { behavior } = autoscaler.spec;
  const downMs = tuning.horizontalPodAutoscalerDownscaleStabilizationMs;
  if (behavior === undefined) return downMs;
  return Math.max(windowMsOf(behavior.scaleUp, 0), windowMsOf(behavior.scaleDown, downMs));
}

function steadyPlain({ desired, memory, nowMs, tuning }: LimitInput): number {
  const windowMs = tuning.horizontalPodAutoscalerDownscaleStabilizationMs;
  const recent = memory.recommendations.filter(({ atMs }) => atMs >= nowMs - windowMs);
  return Math.max(desired, ...recent.map(({ replicas }) => replicas));
}

function steadyByRules({ autoscaler, current, desired, memory, nowMs, tuning }: LimitInput): number {
  const { scaleUp, scaleDown } = autoscaler.spec.behavior ?? {};
  const since = (ms: number) =>
    memory.recommendations.filter(({ atMs }) => atMs > nowMs - ms).map(({ replicas }) => replicas);
  const up = Math.min(desired, ...since(windowMsOf(scaleUp, 0)));
  const downMs = windowMsOf(scaleDown, tuning.horizontalPodAutoscalerDownscaleStabilizationMs);
  const down = Math.max(desired, ...since(downMs));
  return Math.min(Math.max(current, up), down);
}

const IN_RANGE = ['DesiredWithinRange', 'the desired count is within the acceptable range'] as const;
const TOO_FEW = ['TooFewReplicas', 'the desired replica count is less than the minimum replica count'] as const;
const TOO_MANY = ['TooManyReplicas', 'the desired replica count is more than the maximum replica count'] as const;
const TOO_FAST_UP = [
  'ScaleUpLimit',
  'the desired replica count is increasing faster than the maximum scale rate',
] as const;
const TOO_FAST_DOWN = [
  'ScaleDownLimit',
  'the desired replica count is decreasing faster than the maximum scale rate',
] as const;

function boundPlain({ autoscaler, current, min }: LimitInput, steady: number): Bounded {
  const { maxReplicas } = autoscaler.spec;
  const upLimit = Math.max(UP_FACTOR * current, UP_MINIMUM);
  if (steady < min) return [min, ...TOO_FEW];
  const max = Math.min(maxReplicas, upLimit);
  if (steady > max) return [max, ...(maxReplicas > upLimit ? TOO_FAST_UP : TOO_MANY)];
  return [steady, ...IN_RANGE];
}

function boundByRules(input: LimitInput, steady: number): Bounded {
  const { autoscaler, current, min } = input;
  const { maxReplicas, behavior } = autoscaler.spec;
  if (steady > current) {
    const upLimit = Math.max(current, rateLimit(input, behavior?.scaleUp, 1));
    const max = Math.min(maxReplicas, upLimit);
    if (steady > max) return [max, ...(maxReplicas > upLimit ? TOO_FAST_UP : TOO_MANY)];
  } else if (steady < current) {
    const downLimit = Math.min(current, rateLimit(input, behavior?.scaleDown, -1));
    const least = Math.max(min, downLimit);
    if (steady < least) return [least, ...(min < downLimit ? TOO_FAST_DOWN : TOO_FEW)];
  }
  return [steady, ...IN_RANGE];
}

/** As far as the policies let the number go, up or down. */
function rateLimit({ current, memory, nowMs }: LimitInput, rules: HPAScalingRules | undefined, sign: 1 | -1): number {
  const { selectPolicy = 'Max', policies = [] } = rules ?? {};
  if (selectPolicy === 'Disabled') return current;
  const changeWithin = (events: readonly ScaleEvent[], periodSeconds: number) =>
    events.filter(({ atMs }) => atMs > nowMs - periodSeconds * 1000).reduce((sum, { change }) => sum + change, 0);
  const proposals = policies.map(({ type, value, periodSeconds }) => {
    const start = current - changeWithin(memory.ups, periodSeconds) + changeWithin(memory.downs, periodSeconds);
    if (type === 'Pods') return start + sign * value;
    const scaled = start * (1 + (sign * value) / 100);
    return sign > 0 ? Math.ceil(scaled) : Math.trunc(scaled);
  });
  // The most change is the highest number on the way up and the lowest on the way down.
  const takesHighest = (selectPolicy === 'Min') !== sign > 0;
  return takesHighest ? Math.max(-INT32_MAX, ...proposals) : Math.min(INT32_MAX, ...proposals);
}
