/** Who last changed a field, by the object's managedFields. Pure. */
import type { UnknownObject } from '@kapella/api';
import { type Findings, listed } from './findings.ts';

interface Writer {
  readonly manager: string;
  readonly operation: string;
  readonly time: string;
  readonly subresource: string;
  /** How much of the path its entry names: the longest is the nearest. */
  readonly depth: number;
  readonly isWhole: boolean;
}

/** `path`: `spec.replicas`, `spec.containers[name=web].image`, `metadata.labels[app.kubernetes.io/name]`. */
export function explainField(object: UnknownObject, path: string): Findings {
  const steps = parsePath(path);
  const value = valueAt(object, steps);
  const writers = (object.metadata.managedFields ?? [])
    .map(({ manager = '', operation = '', time = '', subresource = '', fieldsV1 }): Writer => {
      const depth = depthIn(fieldsV1 ?? {}, steps);
      return { manager, operation, time, subresource, depth, isWhole: depth === steps.length };
    })
    .filter(({ depth }) => depth > 0);
  const whole = writers.filter(({ isWhole }) => isWhole).toSorted((a, b) => (a.time < b.time ? 1 : -1));
  const shown = value === undefined ? 'is not set' : `is ${JSON.stringify(value).slice(0, 200)}`;
  const [last, ...others] = whole;
  if (last === undefined) {
    return {
      answer: `${path} ${shown}; no manager is recorded for it`,
      because: ['It is a default of the server, or was written before managers were recorded.'],
      fixes: [],
    };
  }
  const via = last.subresource === '' ? '' : ` through the subresource ${last.subresource}`;
  return {
    answer: `${path} ${shown}; last written by ${last.manager} (${last.operation}${via}) at ${last.time}`,
    because:
      others.length === 0
        ? []
        : [`Also held by ${listed(others.map(({ manager, operation }) => `${manager} (${operation})`))}.`],
    table: {
      head: ['MANAGER', 'OPERATION', 'LAST WRITE', 'SUBRESOURCE'],
      rows: whole.map(({ manager, operation, time, subresource }) => [manager, operation, time, subresource]),
    },
    fixes:
      last.operation === 'Apply'
        ? [`Change it where ${last.manager} applies it from, or it will come back.`]
        : [`A server-side apply of another manager conflicts with ${last.manager} until forced.`],
  };
}

/** One step: a field, or an item of a list by key=value, by index, or of a map by its key. */
type Step = { readonly field: string } | { readonly item: string };

export function parsePath(path: string): Step[] {
  const steps: Step[] = [];
  for (const [, field, item] of path.matchAll(/([^.[\]]+)|\[([^\]]*)\]/g)) {
    steps.push(field === undefined ? { item: item ?? '' } : { field });
  }
  return steps;
}

/** Managers name items of lists as `k:{"name":"web"}`, `v:"value"`, `i:0`, and fields, also those of maps, as `f:x`. */
function depthIn(fields: object, steps: readonly Step[]): number {
  let at: unknown = fields;
  for (const [i, step] of steps.entries()) {
    if (typeof at !== 'object' || at === null) return i;
    const key = Object.keys(at).find((candidate) => isStep(candidate, step));
    if (key === undefined) return i;
    at = (at as Record<string, unknown>)[key];
  }
  return steps.length;
}

function isStep(key: string, step: Step): boolean {
  if ('field' in step) return key === `f:${step.field}`;
  if (key === `f:${step.item}` || key === `v:${JSON.stringify(step.item)}` || key === `i:${step.item}`) return true;
  if (!key.startsWith('k:')) return false;
  const parts = JSON.parse(key.slice(2)) as Record<string, unknown>;
  return step.item.split(',').every((pair) => {
    const [name = '', value] = pair.split('=');
    return Object.hasOwn(parts, name) && String(parts[name]) === value;
  });
}

function valueAt(object: unknown, steps: readonly Step[]): unknown {
  return steps.reduce<unknown>((at, step) => {
    if (typeof at !== 'object' || at === null) return undefined;
    if (!Array.isArray(at)) return (at as Record<string, unknown>)['field' in step ? step.field : step.item];
    if ('field' in step) return undefined;
    const [name = '', value] = step.item.split('=');
    if (value === undefined) return at[Number(name)];
    return at.find((item) => String((item as Record<string, unknown>)?.[name]) === value);
  }, object);
}
