/** From raw scores to the node that is chosen. Source: …/plugins/helper/normalize_score.go, schedule_one.go selectHost. */
import type { Random } from '@kapella/base';
import { type Normalize, SCORE_MAX, type ScoreState } from './plugin.ts';

/** Adds the plugin's scores, brought to 0..100 and weighted, to the totals. `scores` are changed. */
export function addWeighted(
  totals: Float64Array,
  scores: Float64Array,
  slots: Int32Array,
  count: number,
  weight: number,
  normalize: ScoreState['normalize'],
): void {
  if (typeof normalize === 'string') normalizeByMax(scores, count, normalize === 'max-is-worst');
  else normalize?.(scores, slots, count);
  for (let i = 0; i < count; i++) totals[i] = (totals[i] as number) + weight * (scores[i] as number);
}

/** The highest becomes 100 and the others their share of it; reversed, the highest becomes 0. */
function normalizeByMax(scores: Float64Array, count: number, isReversed: boolean): void {
  let max = 0;
  for (let i = 0; i < count; i++) if ((scores[i] as number) > max) max = scores[i] as number;
  if (max === 0) {
    if (isReversed) scores.fill(SCORE_MAX, 0, count);
    return;
  }
  for (let i = 0; i < count; i++) {
    const share = Math.trunc((SCORE_MAX * (scores[i] as number)) / max);
    scores[i] = isReversed ? SCORE_MAX - share : share;
  }
}

/** Lowest 0, highest 100; all 0 when they are equal. */
export const normalizeBySpread: Normalize = (scores, _slots, count) => {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const score = scores[i] as number;
    if (score < min) min = score;
    if (score > max) max = score;
  }
  const spread = max - min;
  for (let i = 0; i < count; i++) {
    scores[i] = spread > 0 ? Math.trunc(SCORE_MAX * (((scores[i] as number) - min) / spread)) : 0;
  }
};

/** Index of the highest total; each of several equals with the same chance. One random number at most. */
export function pickBest(totals: Float64Array, count: number, random: Random): number {
  let best = Number.NEGATIVE_INFINITY;
  let first = -1;
  let equals = 0;
  for (let i = 0; i < count; i++) {
    const total = totals[i] as number;
    if (total > best) {
      best = total;
      first = i;
      equals = 1;
    } else if (total === best) equals++;
  }
  if (equals <= 1) return first;
  let skip = Math.floor(random.float() * equals);
  for (let i = first; i < count; i++) if (totals[i] === best && skip-- === 0) return i;
  return first;
}
