/**
 * What a controller wrote last, until its cache shows it: a look at older objects would only end in conflicts.
 * Source of the need: kubernetes pkg/controller/util/consistency (the gates StaleControllerConsistency…).
 */
import type { KubeObject } from '@kapella/api';

export interface OwnWrites {
  /** To be told what the server answered to a write; `owner` is the key that is worked on. Answers `object`. */
  wrote<T extends KubeObject>(owner: string, object: T): T;
  /** One of the objects is older than what was written of it. The event that makes it newer queues the key again. */
  isBehind(owner: string, cached: readonly KubeObject[]): boolean;
  /** The owner is gone. */
  forget(owner: string): void;
}

export function createOwnWrites(): OwnWrites {
  /** Resource versions by uid, by owner. */
  const owners = new Map<string, Map<string, string>>();
  return {
    wrote(owner, object) {
      const versions = owners.get(owner) ?? new Map<string, string>();
      owners.set(owner, versions.set(object.metadata.uid, object.metadata.resourceVersion));
      return object;
    },
    isBehind(owner, cached) {
      const versions = owners.get(owner);
      if (versions === undefined) return false;
      const isOlder = ({ metadata: { uid, resourceVersion } }: KubeObject) => {
        const written = versions.get(uid);
        return written !== undefined && isBefore(resourceVersion, written);
      };
      if (cached.some(isOlder)) return true;
      owners.delete(owner);
      return false;
    },
    forget: (owner) => void owners.delete(owner),
  };
}

/** Resource versions are decimal numbers of any length. */
const isBefore = (a: string, b: string): boolean => (a.length === b.length ? a < b : a.length < b.length);
