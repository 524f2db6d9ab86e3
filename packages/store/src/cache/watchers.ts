/** Who watches one resource, and what each of them is to see of a change. */
import type { CacheEvent, CacheQuery, CacheSink } from '../cached.ts';
import type { Entry } from './entry.ts';
import type { Change } from './history.ts';

export interface Watcher {
  readonly query: CacheQuery;
  readonly sink: CacheSink;
}

export class Watchers {
  readonly #all = new Set<Watcher>();

  add(watcher: Watcher): void {
    this.#all.add(watcher);
  }

  remove(watcher: Watcher): boolean {
    return this.#all.delete(watcher);
  }

  /**
   * Watchers of everything share one array of events, and so do those of all of one namespace: what is made for one of them
   * serves the others. The rest get what their query lets through.
   */
  dispatch(changes: readonly Change[]): void {
    if (this.#all.size === 0) return;
    const shared = new Map<string, readonly CacheEvent[]>();
    for (const { query, sink } of this.#all) {
      const events = isPlain(query) ? sharedEvents(changes, query, shared) : eventsFor(changes, query);
      if (events.length > 0) sink.events(events);
    }
  }

  closeAll(error: Error | undefined): void {
    const all = [...this.#all];
    this.#all.clear();
    for (const { sink } of all) sink.closed(error);
  }
}

const isPlain = ({ name, matches }: CacheQuery) => name === undefined && matches === undefined;

function sharedEvents(
  changes: readonly Change[],
  query: CacheQuery,
  shared: Map<string, readonly CacheEvent[]>,
): readonly CacheEvent[] {
  const { namespace = '' } = query;
  let events = shared.get(namespace);
  if (events === undefined) {
    events = query.namespace === undefined ? changes.map(wholeEvent) : eventsFor(changes, query);
    shared.set(namespace, events);
  }
  return events;
}

export function sees(query: CacheQuery, object: Entry): boolean {
  if (query.namespace !== undefined && !object.isIn(query.namespace)) return false;
  if (query.name !== undefined && query.name !== object.name) return false;
  return query.matches === undefined || query.matches(object);
}

export function eventsFor(changes: readonly Change[], query: CacheQuery): CacheEvent[] {
  const events: CacheEvent[] = [];
  for (const change of changes) {
    const event = eventFor(change, query);
    if (event !== undefined) events.push(event);
  }
  return events;
}

/** An object that comes into or leaves the query's sight is ADDED or DELETED to its watcher, as upstream has it. */
function eventFor(change: Change, query: CacheQuery): CacheEvent | undefined {
  const before = change.previous !== undefined && sees(query, change.previous);
  const now = !change.deleted && sees(query, change.next);
  if (!before && !now) return undefined;
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object: change.next, revision: change.revision };
  if (change.deleted) return { type: 'DELETED', object: change.next, revision: change.revision };
  change.gone ??= (change.previous as Entry).at(change.revision);
  return { type: 'DELETED', object: change.gone, revision: change.revision };
}

function wholeEvent(change: Change): CacheEvent {
  const type = change.deleted ? 'DELETED' : change.previous === undefined ? 'ADDED' : 'MODIFIED';
  return { type, object: change.next, revision: change.revision };
}
