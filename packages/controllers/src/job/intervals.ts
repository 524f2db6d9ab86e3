/** Sets of completion indexes as ordered intervals: `1,3-5,7`. Pure. Source: kubernetes pkg/controller/job/indexed_job_utils.go. */

export interface Interval {
  readonly first: number;
  readonly last: number;
}

export type Intervals = readonly Interval[];

/** Broken parts are left out, as is what lies beyond `completions`. */
export function parseIntervals(text: string, completions: number): Intervals {
  const intervals: Interval[] = [];
  for (const part of text === '' ? [] : text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) continue;
    const first = Number(match[1]);
    if (first >= completions) break;
    const last = match[2] === undefined ? first : Math.min(Number(match[2]), completions - 1);
    intervals.push({ first, last });
  }
  return mergeIntervals(intervals, []);
}

export function mergeIntervals(a: Intervals, b: Intervals): Intervals {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of [...a, ...b].sort((x, y) => x.first - y.first)) {
    const end = merged.at(-1);
    if (end === undefined || first > end.last + 1) merged.push({ first, last });
    else if (last > end.last) end.last = last;
  }
  return merged;
}

export function withIndexes(intervals: Intervals, indexes: Iterable<number>): Intervals {
  return mergeIntervals(
    intervals,
    [...indexes].map((index) => ({ first: index, last: index })),
  );
}

export const totalOf = (intervals: Intervals): number =>
  intervals.reduce((sum, { first, last }) => sum + last - first + 1, 0);

export const hasIndex = (intervals: Intervals, index: number): boolean =>
  intervals.some(({ first, last }) => first <= index && index <= last);

export function formatIntervals(intervals: Intervals): string {
  return intervals
    .map(({ first, last }) =>
      last === first ? `${first}` : last === first + 1 ? `${first},${last}` : `${first}-${last}`,
    )
    .join(',');
}

/** How many indexes are in both. */
export function countCommon(a: Intervals, b: Intervals): number {
  let common = 0;
  for (const x of a)
    for (const y of b) common += Math.max(0, Math.min(x.last, y.last) - Math.max(x.first, y.first) + 1);
  return common;
}

/** The first `count` indexes below `completions` that are not taken. */
export function firstFree(taken: Intervals, count: number, completions: number): number[] {
  const free: number[] = [];
  let candidate = 0;
  for (const { first, last } of [...taken, { first: completions, last: completions }]) {
    for (; candidate < Math.min(first, completions) && free.length < count; candidate++) free.push(candidate);
    candidate = Math.max(candidate, last + 1);
  }
  return free;
}
