/** Rules for Namespaces. Source: kubernetes pkg/apis/core/validation, ValidateNamespace. */
import { validateQualifiedName } from '@kapella/api';
import type { Namespace } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid } from '../../support/validation/basic.ts';

const STANDARD_FINALIZERS = ['foregroundDeletion', 'kubernetes', 'orphan'];

export function validateNamespace(namespace: Namespace, errors: FieldErrors): void {
  const field = 'spec.finalizers';
  for (const finalizer of namespace.spec?.finalizers ?? []) {
    addInvalid(errors, field, finalizer, validateQualifiedName(finalizer));
    if (!finalizer.includes('/') && !STANDARD_FINALIZERS.includes(finalizer)) {
      errors.invalid(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified');
    }
  }
}

export function validateNamespaceStatus(next: Namespace, _old: Namespace, errors: FieldErrors): void {
  const phase = next.status?.phase;
  const deleted = next.metadata.deletionTimestamp !== undefined;
  if (!deleted && phase !== undefined && phase !== 'Active') {
    errors.invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty");
  }
  if (deleted && phase !== 'Terminating') {
    errors.invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
  }
}
