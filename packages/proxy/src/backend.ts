/** What carries the rules to where packets are: the kernel, or memory in tests. */
import type { Ctx } from '@kapella/base';
import type { RuleChange, RuleState, StaleFlow } from './model.ts';

export interface ProxyBackend {
  /** Sets whole tables from whatever was there. Each table atomically. */
  replace(states: readonly RuleState[], ctx: Ctx): Promise<void>;
  /** Applies changes to tables set by `replace`. Throws when the tables are not what they were thought to be. */
  apply(changes: readonly RuleChange[], ctx: Ctx): Promise<void>;
  /** Forgets tracked UDP flows, so that their next packet is balanced anew. Best effort. */
  forgetFlows(flows: readonly StaleFlow[], ctx: Ctx): Promise<void>;
  /** Removes every rule of this cluster from this node. */
  remove(ctx: Ctx): Promise<void>;
}
