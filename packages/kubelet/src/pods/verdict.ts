/** Why the agent ends a Pod of its own accord. */

export interface Verdict {
  readonly reason: string;
  readonly message: string;
  readonly graceSeconds?: number;
  /** Ended for the node's sake: said in a condition, too, with the same message unless another is given. */
  readonly disruption?: boolean | string;
}

export function disruptionOf(verdict: Verdict | undefined): { disruption?: string } {
  if (!verdict?.disruption) return {};
  return { disruption: verdict.disruption === true ? verdict.message : verdict.disruption };
}
