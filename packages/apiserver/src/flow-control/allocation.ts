/** Divides the server's seats among priority levels, within each one's bounds. Source: flowcontrol/conc_alloc.go. */

export interface Claim {
  /** What the level would like, at least its lower bound. */
  readonly target: number;
  readonly lowerBound: number;
  readonly upperBound: number;
}

export interface Allocation {
  /** In the order of the claims; they add up to the sum that was asked for. */
  readonly shares: readonly number[];
  /** What part of its target each level got that no bound held. */
  readonly fairFraction: number;
}

const TARGET_MIN = 0.001;
const EPSILON = 1e-7;

/** undefined: the bounds leave no way to reach `sum`. */
export function allocate(sum: number, claims: readonly Claim[]): Allocation | undefined {
  if (sum < 0 || claims.some((claim) => !isSound(claim))) return undefined;
  const targets = claims.map(({ target }) => Math.max(target, TARGET_MIN));
  const total = (of: (claim: Claim) => number) => claims.reduce((so, claim) => so + of(claim), 0);
  const [low, high] = [total((claim) => claim.lowerBound), total((claim) => claim.upperBound)];
  if (low - sum > EPSILON || sum - high > EPSILON) return undefined;
  if (sum === 0) return { shares: claims.map(() => 0), fairFraction: 0 };
  const relative = (bound: (claim: Claim) => number) => claims.map((claim, i) => bound(claim) / (targets[i] as number));
  if (low - sum > -EPSILON) {
    const fairFraction = Math.min(...relative((claim) => claim.lowerBound));
    return { shares: claims.map((claim) => claim.lowerBound), fairFraction };
  }
  if (sum - high > -EPSILON) {
    const fairFraction = Math.max(...relative((claim) => claim.upperBound));
    return { shares: claims.map((claim) => claim.upperBound), fairFraction };
  }
  const shareAt = (fraction: number) =>
    claims.map(({ lowerBound, upperBound }, i) =>
      Math.max(lowerBound, Math.min(upperBound, fraction * (targets[i] as number))),
    );
  const fairFraction = solve(sum, targets, claims, shareAt);
  return { shares: shareAt(fairFraction), fairFraction };
}

function isSound({ target, lowerBound, upperBound }: Claim): boolean {
  return lowerBound >= 0 && target >= lowerBound && upperBound >= lowerBound;
}

/** The total is a rising, piecewise linear function of the fraction: find the piece, then the point in it. */
function solve(
  sum: number,
  targets: readonly number[],
  claims: readonly Claim[],
  shareAt: (fraction: number) => readonly number[],
): number {
  const corners = claims
    .flatMap(({ lowerBound, upperBound }, i) => [lowerBound, upperBound].map((bound) => bound / (targets[i] as number)))
    .sort((a, b) => a - b);
  const totalAt = (fraction: number) => shareAt(fraction).reduce((a, b) => a + b, 0);
  let [from, fromTotal] = [0, totalAt(0)];
  for (const corner of corners) {
    const total = totalAt(corner);
    if (total >= sum) {
      return total === fromTotal ? corner : from + ((corner - from) * (sum - fromTotal)) / (total - fromTotal);
    }
    [from, fromTotal] = [corner, total];
  }
  return from;
}
