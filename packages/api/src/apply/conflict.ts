/** The 409 of an apply that met other managers' values. Source: managedfields/internal/conflict.go. */
import { ApiError } from '@kapella/base';
import { type Owner, ownerId } from './managers.ts';
import { formatPath } from './path-element.ts';
import type { Conflict } from './updater.ts';

export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describeOwner(owner)}`,
    field: formatPath(path),
  }));
  return new ApiError('Conflict', messageOf(conflicts), { details: { causes } });
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${describeOwner(first.owner)}: ${formatPath(first.path)}`;
  }
  const lines: string[] = [];
  let lastId: string | undefined;
  for (const { owner, path } of conflicts) {
    const id = ownerId(owner);
    if (id !== lastId) lines.push(`conflicts with ${describeOwner(owner)}:`);
    lastId = id;
    lines.push(`- ${formatPath(path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function describeOwner({ manager, operation, apiVersion, subresource }: Owner): string {
  const name = JSON.stringify(manager);
  const full = subresource === '' ? name : `${name} with subresource ${JSON.stringify(subresource)}`;
  return operation === 'Update' ? `${full} using ${apiVersion}` : full;
}
