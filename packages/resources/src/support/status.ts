/** The answer of actions that have no object to return. */
import type { Status } from '@kapella/base';

export function success(code: number): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code };
}
