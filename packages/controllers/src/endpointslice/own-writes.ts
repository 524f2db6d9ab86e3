/**
 * Slices as last written by this process, until the cache shows them: a slow cache must not make one slice twice, and must
 * not hold a readiness change back. Source of the need: k8s.io/endpointslice/util/endpointslice_tracker.go.
 */
import { keyOf } from '@kapella/api';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';

/** After so long the cache is right: the write was undone while no watch was open. */
export const OWN_WRITE_MS_MAX = 5_000;

interface Write {
  readonly slice: EndpointSlice;
  readonly isDeleted: boolean;
  readonly atMs: number;
}

export interface OwnWrites {
  /** What was created or updated, as the server answered. */
  wrote(owner: string, slice: EndpointSlice, nowMs: number): void;
  deleted(owner: string, slice: EndpointSlice, nowMs: number): void;
  /** The owner's slices: `cached` with newer writes put over them. */
  over(owner: string, cached: readonly EndpointSlice[], nowMs: number): readonly EndpointSlice[];
  /** To be told of every slice event. True: it shows nothing that was not written here. */
  observed(owner: string, slice: EndpointSlice, isDeletion: boolean): boolean;
  /** A write was refused: trust only the cache. */
  forget(owner: string): void;
  /** Whether the cache still lags behind what was written. */
  isAhead(owner: string): boolean;
}

export function createOwnWrites(): OwnWrites {
  const owners = new Map<string, Map<string, Write>>();
  const record = (owner: string, slice: EndpointSlice, isDeleted: boolean, atMs: number) => {
    let writes = owners.get(owner);
    if (writes === undefined) {
      writes = new Map();
      owners.set(owner, writes);
    }
    writes.set(keyOf(slice), { slice, isDeleted, atMs });
  };
  const drop = (owner: string, key: string) => {
    const writes = owners.get(owner);
    if (writes?.delete(key) && writes.size === 0) owners.delete(owner);
  };
  return {
    wrote: (owner, slice, nowMs) => record(owner, slice, false, nowMs),
    deleted: (owner, slice, nowMs) => record(owner, slice, true, nowMs),
    over(owner, cached, nowMs) {
      const writes = owners.get(owner);
      if (writes === undefined) return cached;
      const slices = new Map(cached.map((slice) => [keyOf(slice), slice]));
      for (const [key, write] of [...writes]) {
        const present = slices.get(key);
        const isSeen = present !== undefined && !write.isDeleted && !isNewer(write.slice, present);
        if (isSeen || nowMs - write.atMs > OWN_WRITE_MS_MAX) drop(owner, key);
        else if (!write.isDeleted) slices.set(key, write.slice);
        else if (present?.metadata.uid === write.slice.metadata.uid) slices.delete(key);
      }
      return [...slices.values()];
    },
    observed(owner, slice, isDeletion) {
      const write = owners.get(owner)?.get(keyOf(slice));
      if (write === undefined || write.slice.metadata.uid !== slice.metadata.uid) return false;
      if (isDeletion) {
        drop(owner, keyOf(slice));
        return write.isDeleted;
      }
      if (write.isDeleted || isNewer(write.slice, slice)) return true;
      drop(owner, keyOf(slice));
      return write.slice.metadata.resourceVersion === slice.metadata.resourceVersion;
    },
    forget: (owner) => void owners.delete(owner),
    isAhead: (owner) => owners.has(owner),
  };
}

/** Resource versions are decimal numbers of any length. */
function isNewer(a: EndpointSlice, b: EndpointSlice): boolean {
  const left = a.metadata.resourceVersion;
  const right = b.metadata.resourceVersion;
  return left.length === right.length ? left > right : left.length > right.length;
}
