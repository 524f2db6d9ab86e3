/** How far the heap grows between two major collections: what one of them clears at once is a pause. */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** A header value of a request is a string that only a major collection frees: so many bytes hold hundreds of thousands. */
const GROWTH_BYTES = 40e6;
/** Large heaps are not to be marked all the time. */
const PERCENT_MIN = 40;
/** As V8 by itself. */
const PERCENT_MAX = 300;

/** Of a heap that holds so many bytes after a collection. */
export function growthPercent(liveBytes: number): number {
  return Math.min(PERCENT_MAX, Math.max(PERCENT_MIN, Math.round((GROWTH_BYTES / Math.max(1, liveBytes)) * 100)));
}

interface Collection {
  readonly detail?: { readonly kind?: number };
}

/** From now on. V8 would let the heap grow fourfold under load. */
export function boundHeapGrowth(): void {
  let percent = 0;
  const adjust = () => {
    const next = growthPercent(getHeapStatistics().used_heap_size);
    if (next === percent) return;
    percent = next;
    setFlagsFromString(`--heap-growing-percent=${percent}`);
  };
  adjust();
  const observer = new PerformanceObserver((list) => {
    const isMajor = ({ detail }: Collection) => detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    if ((list.getEntries() as Collection[]).some(isMajor)) adjust();
  });
  observer.observe({ entryTypes: ['gc'] });
}
