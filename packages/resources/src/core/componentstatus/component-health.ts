/** Whether the parts of a control plane are well, as far as this process knows. */
import type { Ctx } from '@kapella/base';

export interface ComponentHealth {
  /** In upstream's names: `scheduler`, `controller-manager`, `etcd-0`. */
  readonly names: readonly string[];
  /** Never rejects. */
  check(name: string, ctx: Ctx): Promise<ComponentVerdict>;
}

export interface ComponentVerdict {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly message?: string;
  readonly error?: string;
}
