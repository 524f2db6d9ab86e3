/** Paths inside volumes. Source: kubernetes pkg/apis/core/validation, validateLocalDescendingPath. */
import type { FieldErrors } from '@kapella/base';

export function checkNoBacksteps(path: string, errors: FieldErrors, field: string): boolean {
  if (!path.split('/').includes('..')) return true;
  errors.invalid(field, path, "must not contain '..'");
  return false;
}

/** Relative and never upwards. */
export function checkDescendingPath(path: string, errors: FieldErrors, field: string): void {
  if (path.startsWith('/')) errors.invalid(field, path, 'must be a relative path');
  checkNoBacksteps(path, errors, field);
}

/** As above, and not one of the names that atomic updates of a volume use. */
export function checkVolumeFilePath(path: string, errors: FieldErrors, field: string): void {
  checkDescendingPath(path, errors, field);
  if (path.startsWith('..') && !path.startsWith('../')) errors.invalid(field, path, "must not start with '..'");
}

const MODE_MAX = 0o777;

export function checkFileMode(mode: number | undefined, errors: FieldErrors, field: string): void {
  if (mode === undefined || (mode >= 0 && mode <= MODE_MAX)) return;
  errors.invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
}
