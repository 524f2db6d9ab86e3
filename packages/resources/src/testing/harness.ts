/** How tests of tables run them: as the server does, without a server. */
import type { KubeObject } from '@kapella/api';
import type { ResourceDefinition, StrategyContext } from '@kapella/apiserver';
import { FieldErrors } from '@kapella/base';

export const NOW_MS = Date.parse('2026-01-02T00:00:00Z');
const CONTEXT: StrategyContext = {
  user: { username: 'alice', groups: ['system:authenticated'] },
  namespace: 'default',
  nowMs: NOW_MS,
  operation: 'create',
  subresource: '',
  dryRun: false,
};
const META = {
  namespace: 'default',
  uid: 'uid-1',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
};

/** An object as a client would send it, with what the server adds to its metadata. */
export function given<T extends KubeObject>(part: object): T {
  const { metadata, ...rest } = part as { metadata?: object };
  return { kind: '', apiVersion: '', ...rest, metadata: { name: 'web', ...META, ...metadata } } as unknown as T;
}

export function created<T extends KubeObject>(definition: ResourceDefinition<T>, object: T): T {
  const defaulted = definition.withDefaults?.(object) ?? object;
  return definition.prepareForCreate?.(defaulted, CONTEXT) ?? defaulted;
}

/** `field: message` of each error on creation. */
export function createErrors<T extends KubeObject>(definition: ResourceDefinition<T>, object: T): readonly string[] {
  const errors = new FieldErrors();
  definition.validate?.(created(definition, object), errors);
  return texts(errors);
}

export function updateErrors<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  next: T,
  old: T,
): readonly string[] {
  const stored = created(definition, old);
  const defaulted = definition.withDefaults?.(next) ?? next;
  const prepared = definition.prepareForUpdate?.(defaulted, stored, CONTEXT) ?? defaulted;
  const errors = new FieldErrors();
  definition.validateUpdate?.(prepared, stored, errors);
  return texts(errors);
}

export function texts(errors: FieldErrors): readonly string[] {
  return errors.list.map(({ field, message }) => `${field}: ${message}`);
}

/** The row of a table: narrow cells, then wide ones. */
export function cells<T extends KubeObject>(definition: ResourceDefinition<T>, object: T): readonly unknown[] {
  return definition.columns.map((column) => column.value(object, NOW_MS));
}
