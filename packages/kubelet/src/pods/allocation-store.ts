/**
 * What Pods were given, on the disk: an agent that begins anew knows it, also when a Pod has asked for something else while
 * nobody was there to judge. Source: kubernetes pkg/kubelet/allocation/state (allocated_pods_state).
 */
import type { ResourceRequirements } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { HostFiles } from '../host/host-files.ts';
import type { Allocation } from '../lifecycle/allocation.ts';

export interface AllocationStore {
  of(podUid: string): Allocation | undefined;
  keep(podUid: string, allocation: Allocation): void;
  drop(podUid: string): void;
  /** Forgets Pods that are not there any more. */
  prune(isKnown: (podUid: string) => boolean): void;
}

interface Saved {
  readonly pod?: ResourceRequirements;
  readonly containers: readonly (readonly [name: string, resources: ResourceRequirements | null])[];
}

/** Reads what an earlier agent has kept. A file that cannot be read is as none. */
export async function createAllocationStore(files: HostFiles, path: string, ctx: Ctx): Promise<AllocationStore> {
  const known = await load(files, path, ctx);
  let isSaving = false;
  let isChanged = false;

  const write = async (): Promise<void> => {
    while (isChanged) {
      isChanged = false;
      const pods = [...known].map(([uid, allocation]) => [uid, toSaved(allocation)]);
      await files.write(`${path}.new`, JSON.stringify({ pods }), 0o600);
      await files.rename(`${path}.new`, path);
    }
  };
  /** One write at a time; what changes meanwhile goes with the next. */
  const save = (): void => {
    isChanged = true;
    if (isSaving) return;
    isSaving = true;
    write()
      .catch((error: unknown) => ctx.log.warn('allocations not kept', { error: describeError(error) }))
      .finally(() => {
        isSaving = false;
      });
  };
  return {
    of: (uid) => known.get(uid),
    keep(uid, allocation) {
      // A Pod that was given nothing in particular cannot ask for more later.
      if (allocation.pod === undefined && [...allocation.containers.values()].every((one) => one === undefined)) return;
      known.set(uid, allocation);
      save();
    },
    drop(uid) {
      if (known.delete(uid)) save();
    },
    prune(isKnown) {
      const strangers = [...known.keys()].filter((uid) => !isKnown(uid));
      for (const uid of strangers) known.delete(uid);
      if (strangers.length > 0) save();
    },
  };
}

async function load(files: HostFiles, path: string, ctx: Ctx): Promise<Map<string, Allocation>> {
  try {
    const bytes = await files.read(path);
    if (bytes === undefined) return new Map();
    const { pods } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly pods: readonly [string, Saved][] };
    return new Map(pods.map(([uid, saved]) => [uid, fromSaved(saved)]));
  } catch (error) {
    ctx.log.warn('allocations not read', { path, error: describeError(error) });
    return new Map();
  }
}

const toSaved = ({ pod, containers }: Allocation): Saved => ({
  ...(pod === undefined ? {} : { pod }),
  containers: [...containers].map(([name, resources]) => [name, resources ?? null]),
});

const fromSaved = ({ pod, containers }: Saved): Allocation => ({
  pod,
  containers: new Map(containers.map(([name, resources]) => [name, resources ?? undefined])),
});
