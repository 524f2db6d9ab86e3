/** How many watchers a write will be told to. Source: apiserver/pkg/util/flowcontrol/watch_tracker.go. */
import { parseFieldSelector } from '@kapella/api';
import type { RequestInfo } from '../http/request-info.ts';

/** Watchers of Pods of one node are not counted: each hears of few Pods. */
const INDEXED: ReadonlyMap<string, string> = new Map([['pods', 'spec.nodeName']]);

export class WatchCounts {
  readonly #counts = new Map<string, number>();

  /** Returns what to call when the watch ends. */
  enter(info: RequestInfo, query: URLSearchParams): () => void {
    const field = INDEXED.get(info.resource);
    if (field !== undefined && selects(query, field)) return () => {};
    const key = keyOf(info, info.namespace, info.name);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left === 0) this.#counts.delete(key);
      else this.#counts.set(key, left);
    };
  }

  interestedIn(info: RequestInfo): number {
    if (this.#counts.size === 0) return 0;
    const { namespace, name } = info;
    let count = this.#counts.get(keyOf(info, '', '')) ?? 0;
    if (namespace !== '') count += this.#counts.get(keyOf(info, namespace, '')) ?? 0;
    if (name !== '') count += this.#counts.get(keyOf(info, namespace, name)) ?? 0;
    return count;
  }
}

function keyOf({ group, resource }: RequestInfo, namespace: string, name: string): string {
  return `${group}/${resource}/${namespace}/${name}`;
}

function selects(query: URLSearchParams, field: string): boolean {
  const text = query.get('fieldSelector');
  if (text === null || !text.includes(field)) return false;
  try {
    return (parseFieldSelector(text).exactMatch(field) ?? '') !== '';
  } catch {
    return false; // the handler answers 400 for it
  }
}
