/** The scale subresource: autoscaling/v1 Scale made from an object and written back. Source: registry/apps/…/storage. */
import { compileLabelSelector, selectorFromLabels, type UnknownObject } from '@kapella/api';
import { errors, FieldErrors } from '@kapella/base';
import type { ResourceType } from '../registry/resource-type.ts';
import type { Core } from './core.ts';

export const SCALE_KIND = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  typeId: 'autoscaling/v1.Scale',
} as const;

/** Value at a dotted path. */
export function valueAt(object: unknown, path: string): unknown {
  let value: unknown = object;
  for (const part of path.replace(/^\./, '').split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** A copy with the value at a dotted path replaced. */
export function withValueAt<T extends object>(object: T, path: string, value: unknown): T {
  const [first = '', ...rest] = path.replace(/^\./, '').split('.');
  const inner = (object as Record<string, unknown>)[first];
  const nested = rest.length === 0 ? value : withValueAt((inner ?? {}) as object, rest.join('.'), value);
  return { ...object, [first]: nested };
}

export function scaleOf(type: ResourceType, object: UnknownObject): UnknownObject {
  const paths = type.definition.subresources?.scale;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths?.selector === undefined ? undefined : selectorText(valueAt(object, paths.selector));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: valueAt(object, paths?.specReplicas ?? '') ?? 0 },
    status: {
      replicas: valueAt(object, paths?.statusReplicas ?? '') ?? 0,
      ...(selector === undefined ? {} : { selector }),
    },
  } as unknown as UnknownObject;
}

/** Throws Invalid, BadRequest. */
export function withScale(type: ResourceType, object: UnknownObject, scale: UnknownObject): UnknownObject {
  const replicas: unknown = scale.spec?.replicas ?? 0;
  const given = scale.metadata.name ?? '';
  if (given === '') {
    throw errors.badRequest(
      `the name of the object (${object.metadata.name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (given !== object.metadata.name) {
    throw errors.badRequest(
      `the name of the object (${given}) does not match the name on the URL (${object.metadata.name})`,
    );
  }
  if (typeof replicas !== 'number' || replicas < 0) {
    const found = new FieldErrors();
    found.invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
    throw found.toApiError({ group: 'autoscaling', kind: 'Scale', name: object.metadata.name });
  }
  const next = withValueAt(object, type.definition.subresources?.scale?.specReplicas ?? '', replicas);
  const resourceVersion = scale.metadata.resourceVersion ?? '';
  return { ...next, metadata: { ...next.metadata, resourceVersion } };
}

/** `withScale`, with the owners of the fields as the write of a Scale leaves them. Source: managedfields/scalehandler.go. */
export function scaleWritten(
  { fields }: Pick<Core, 'fields'>,
  type: ResourceType,
  parent: UnknownObject,
  change: (scale: UnknownObject) => UnknownObject,
  by: { readonly manager: string; readonly nowMs: number } | 'tracked',
): UnknownObject {
  const plain = scaleOf(type, parent);
  const managedFields = fields.scaleOwners(type, parent);
  const old = managedFields === undefined ? plain : withOwners(plain, managedFields);
  const scale = change(old);
  const owners =
    by === 'tracked'
      ? fields.ofScale(type, parent, scale.metadata.managedFields)
      : fields.onScale(type, parent, old, scale, by.manager, by.nowMs);
  return withOwners(withScale(type, parent, scale), owners);
}

function withOwners(object: UnknownObject, managedFields: UnknownObject['metadata']['managedFields']): UnknownObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: managedFields === undefined ? metadata : { ...metadata, managedFields },
  } as UnknownObject;
}

function selectorText(selector: unknown): string {
  if (selector === undefined || selector === null) return '';
  if (typeof selector === 'string') return selector;
  const isLabelSelector = Object.hasOwn(selector, 'matchLabels') || Object.hasOwn(selector, 'matchExpressions');
  return isLabelSelector
    ? compileLabelSelector(selector as never).toString()
    : selectorFromLabels(selector as Readonly<Record<string, string>>).toString();
}
