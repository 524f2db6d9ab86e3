/** What a write through a stored subresource (status, parts of the object) may change, and how it is checked. */
import type { UnknownObject } from '@kapella/api';
import type { FieldErrors } from '@kapella/base';
import type { StrategyContext } from '../resource.ts';
import type { WriteScope } from './core.ts';

/** Metadata of the new object is already merged with the old one's system fields. */
export function mergeSubresource(
  { type, subresource }: WriteScope,
  next: UnknownObject,
  old: UnknownObject,
  context: StrategyContext,
): UnknownObject {
  const { status, parts } = type.definition.subresources ?? {};
  const part = parts !== undefined && Object.hasOwn(parts, subresource) ? parts[subresource] : undefined;
  if (part !== undefined) return part.merge(next, old, context) as UnknownObject;
  if (subresource === 'scale') return next; // made from the stored object, only replicas differ
  const merged: Record<string, unknown> = { ...old };
  for (const field of status?.writes ?? []) {
    if (next[field] === undefined) delete merged[field];
    else merged[field] = next[field];
  }
  return { ...merged, metadata: statusMetadata(next, old, type.custom) } as unknown as UnknownObject;
}

/** Built-in kinds take metadata but owner references, labels and annotations by kind; managedFields always. */
function statusMetadata(next: UnknownObject, old: UnknownObject, custom: boolean): UnknownObject['metadata'] {
  const { managedFields } = next.metadata;
  if (custom) return { ...old.metadata, ...(managedFields === undefined ? {} : { managedFields }) };
  const { ownerReferences: _, ...rest } = next.metadata;
  const owners = old.metadata.ownerReferences;
  return owners === undefined ? rest : { ...rest, ownerReferences: owners };
}

export function validateSubresource(
  { type, subresource }: WriteScope,
  next: UnknownObject,
  old: UnknownObject,
  found: FieldErrors,
): void {
  const { status, parts } = type.definition.subresources ?? {};
  const part = parts !== undefined && Object.hasOwn(parts, subresource) ? parts[subresource] : undefined;
  if (part !== undefined) part.validateUpdate?.(next, old, found);
  else if (subresource === 'scale') type.definition.validateUpdate?.(next, old, found);
  else status?.validateUpdate?.(next, old, found);
}
