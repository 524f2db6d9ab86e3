/** What plugins may be told. Source: kubernetes pkg/scheduler/apis/config/validation/validation_pluginargs.go. */
import type { TopologySpreadConstraint } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import type { NodeResourcesFitArgs } from '../plugins/node-resources/fit.plugin.ts';
import type { ResourceWeight, ScoringStrategy, ShapePoint } from '../plugins/node-resources/scoring.ts';
import type { PluginArgs } from './args.ts';

type Validators = { readonly [P in keyof PluginArgs]?: (args: PluginArgs[P], at: string, errors: FieldErrors) => void };

const VALIDATORS: Validators = {
  DefaultPreemption({ minCandidateNodesPercentage: percentage, minCandidateNodesAbsolute: absolute }, at, errors) {
    const [percentageAt, absoluteAt] = [`${at}.minCandidateNodesPercentage`, `${at}.minCandidateNodesAbsolute`];
    if (percentage < 0 || percentage > 100) errors.invalid(percentageAt, percentage, 'not in valid range [0, 100]');
    if (absolute < 0) errors.invalid(absoluteAt, absolute, 'not in valid range [0, inf)');
    if (percentage !== 0 || absolute !== 0) return;
    errors.invalid(percentageAt, percentage, 'cannot be zero at the same time as minCandidateNodesAbsolute');
    errors.invalid(absoluteAt, absolute, 'cannot be zero at the same time as minCandidateNodesPercentage');
  },
  InterPodAffinity({ hardPodAffinityWeight: weight }, at, errors) {
    if (weight < 0 || weight > 100)
      errors.invalid(`${at}.hardPodAffinityWeight`, weight, 'not in valid range [0, 100]');
  },
  NodeResourcesBalancedAllocation({ resources }, at, errors) {
    const seen = new Set<string>();
    for (const [i, { name, weight }] of resources.entries()) {
      const field = `${at}.resources[${i}]`;
      if (seen.has(name)) errors.duplicate(`${field}.name`, name);
      seen.add(name);
      if (weight !== 1) errors.invalid(`${field}.weight`, weight, 'must be 1');
    }
  },
  NodeResourcesFit: validateFit,
  PodTopologySpread({ defaultingType, defaultConstraints = [] }, at, errors) {
    if (defaultingType !== 'System' && defaultingType !== 'List') {
      errors.notSupported(`${at}.defaultingType`, defaultingType, ['System', 'List']);
    } else if (defaultingType === 'System' && defaultConstraints.length > 0) {
      errors.invalid(`${at}.defaultingType`, defaultingType, 'when .defaultConstraints are not empty');
    }
    validateConstraints(defaultConstraints, `${at}.defaultConstraints`, errors);
  },
  VolumeBinding({ bindTimeoutSeconds: timeout }, at, errors) {
    const detail = 'invalid BindTimeoutSeconds, should not be a negative value';
    if (timeout < 0) errors.invalid(`${at}.bindTimeoutSeconds`, timeout, detail);
  },
};

export function validateArgs(plugin: string, args: object, at: string, errors: FieldErrors): void {
  if (!Object.hasOwn(VALIDATORS, plugin)) return;
  (VALIDATORS as Record<string, (args: object, at: string, errors: FieldErrors) => void>)[plugin]?.(args, at, errors);
}

const STRATEGIES: readonly ScoringStrategy['type'][] = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'];

function validateFit(args: NodeResourcesFitArgs, at: string, errors: FieldErrors): void {
  for (const [i, group] of (args.ignoredResourceGroups ?? []).entries()) {
    const detail = "resource group name can't contain '/'";
    if (group.includes('/')) errors.invalid(`${at}.ignoredResourceGroups[${i}]`, group, detail);
  }
  const { type, resources, requestedToCapacityRatio: ratio } = args.scoringStrategy;
  const field = `${at}.scoringStrategy`;
  if (!STRATEGIES.includes(type)) errors.notSupported(`${field}.type`, type, STRATEGIES);
  validateWeights(resources, `${field}.resources`, errors);
  if (type === 'RequestedToCapacityRatio') {
    if (ratio === undefined) {
      errors.required(`${field}.requestedToCapacityRatio`, 'must be specified when type is RequestedToCapacityRatio');
    } else validateShape(ratio.shape ?? [], `${field}.shape`, errors);
  } else if (ratio !== undefined) {
    errors.forbidden(`${field}.requestedToCapacityRatio`, 'must be nil when type is not RequestedToCapacityRatio');
  }
}

function validateWeights(resources: readonly ResourceWeight[], at: string, errors: FieldErrors): void {
  for (const [i, { name, weight }] of resources.entries()) {
    if (weight >= 1 && weight <= 100) continue;
    const detail = `resource weight of ${name} not in valid range (0, 100]`;
    errors.invalid(`${at}[${i}].weight`, weight, detail);
  }
}

function validateShape(shape: readonly ShapePoint[], at: string, errors: FieldErrors): void {
  if (shape.length === 0) errors.required(at, 'at least one point must be specified');
  for (const [i, { utilization, score }] of shape.entries()) {
    const before = shape[i - 1];
    if (before !== undefined && before.utilization >= utilization) {
      errors.invalid(`${at}[${i}].utilization`, utilization, 'values must be sorted in increasing order');
    }
    if (utilization < 0 || utilization > 100) {
      errors.invalid(`${at}[${i}].utilization`, utilization, 'not in valid range [0, 100]');
    }
    if (score < 0 || score > 10) errors.invalid(`${at}[${i}].score`, score, 'not in valid range [0, 10]');
  }
}

function validateConstraints(constraints: readonly TopologySpreadConstraint[], at: string, errors: FieldErrors): void {
  const actions = ['DoNotSchedule', 'ScheduleAnyway'];
  const seen = new Set<string>();
  for (const [i, { maxSkew, topologyKey, whenUnsatisfiable, labelSelector }] of constraints.entries()) {
    const field = `${at}[${i}]`;
    if (maxSkew <= 0) errors.invalid(`${field}.maxSkew`, maxSkew, 'not in valid range (0, inf)');
    if (!topologyKey) errors.required(`${field}.topologyKey`, 'can not be empty');
    if (!whenUnsatisfiable) errors.required(`${field}.whenUnsatisfiable`, 'can not be empty');
    else if (!actions.includes(whenUnsatisfiable)) {
      errors.notSupported(`${field}.whenUnsatisfiable`, whenUnsatisfiable, actions);
    }
    if (labelSelector !== undefined) {
      const detail = 'constraint must not define a selector, as they deduced for each pod';
      errors.forbidden(`${field}.labelSelector`, detail);
    }
    const id = `{${topologyKey}, ${whenUnsatisfiable}}`;
    if (seen.has(id)) errors.duplicate(field, id);
    seen.add(id);
  }
}
