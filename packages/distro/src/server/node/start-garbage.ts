/** What starting leaves behind: code that ran once, and a young generation that grew with the modules. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;

/** Of more than this the start's garbage is a small part, and looking for it takes longer. */
const HEAP_BYTES_MAX = 64e6;

/** Gives it back to the system. Takes as long as several full collections: to be called before anybody is served. */
export function collectStartGarbage(): void {
  if (getHeapStatistics().used_heap_size > HEAP_BYTES_MAX) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', flavor: 'last-resort' });
}
