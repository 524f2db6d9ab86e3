/** Labels that nodes have under an older name as well. Pure. Source: …/nodelifecycle, labelReconcileInfo. */
import type { Node } from '@kapella/api/types/core-v1';

const PAIRS: readonly (readonly [stable: string, beta: string])[] = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
];

/** The labels to set, so that the older names say what the stable ones do; undefined: they do. */
export function planLabels({ metadata: { labels = {} } }: Node): Readonly<Record<string, string>> | undefined {
  const wrong = PAIRS.filter(([stable, beta]) => labels[stable] !== undefined && labels[beta] !== labels[stable]);
  if (wrong.length === 0) return undefined;
  return Object.fromEntries(wrong.map(([stable, beta]) => [beta, labels[stable] as string]));
}
