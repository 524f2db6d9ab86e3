/** Takes sandboxes and ended containers out of the runtime. Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_gc.go. */
import type { Ctx } from '@kapella/base';
import type { PodCgroups } from '../cgroups/cgroups.ts';
import type { Cri } from '../cri/cri.ts';
import type { GrantManager } from '../grants/grants.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { ObservedPod } from '../lifecycle/observed.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';

const INSTANCES_KEPT = 2; // the present one and the one before it, for its log

export async function stopSandboxes(observed: ObservedPod, cri: Cri, ctx: Ctx): Promise<void> {
  await Promise.all(observed.sandboxes.map(({ id }) => cri.stopPodSandbox(id, ctx)));
}

/** Everything of the Pod, whatever state it is in. */
export async function removeRuntimePod(podUid: string, cri: Cri, ctx: Ctx): Promise<void> {
  const [containers, sandboxes] = await Promise.all([
    cri.listContainers({ podUid }, ctx),
    cri.listPodSandboxes({ podUid }, ctx),
  ]);
  await Promise.all(containers.map(({ id }) => cri.removeContainer(id, ctx)));
  for (const { id } of sandboxes) {
    await cri.stopPodSandbox(id, ctx);
    await cri.removePodSandbox(id, ctx);
  }
}

/** Instances that no status and no log request needs. */
export function superfluous(observed: ObservedPod): {
  readonly containers: readonly string[];
  readonly sandboxes: readonly string[];
} {
  const seen = new Map<string, number>();
  const containers: string[] = [];
  for (const { id, name, state } of observed.containers) {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    if (count > INSTANCES_KEPT && state === 'exited') containers.push(id);
  }
  const used = new Set(
    observed.containers.filter(({ id }) => !containers.includes(id)).map(({ sandboxId }) => sandboxId),
  );
  const sandboxes = observed.sandboxes
    .slice(1)
    .filter(({ id, ready }) => !ready && !used.has(id))
    .map(({ id }) => id);
  return { containers, sandboxes };
}

export async function removeSuperfluous(observed: ObservedPod, cri: Cri, ctx: Ctx): Promise<boolean> {
  const { containers, sandboxes } = superfluous(observed);
  for (const id of containers) await cri.removeContainer(id, ctx);
  for (const id of sandboxes) await cri.removePodSandbox(id, ctx);
  return containers.length + sandboxes.length > 0;
}

export interface StrangerDeps {
  readonly grants?: GrantManager;
  readonly cri: Cri;
  readonly cgroups: PodCgroups;
  readonly files: HostFiles;
  readonly volumes: VolumeManager;
  readonly settings: { readonly podsDir: string };
}

/** Files and control groups of Pods that nobody knows any more. */
export async function removeStrangers(isKnown: (uid: string) => boolean, deps: StrangerDeps, ctx: Ctx): Promise<void> {
  const inRuntime = new Set((await deps.cri.listPodSandboxes({}, ctx)).map(({ podUid }) => podUid));
  const isStranger = (uid: string) => !isKnown(uid) && !inRuntime.has(uid);
  for (const uid of (await deps.files.list(deps.settings.podsDir)) ?? []) {
    if (!isStranger(uid)) continue;
    await deps.volumes.unmount(uid, ctx);
    await deps.volumes.removePodDir(uid);
  }
  for (const uid of deps.grants?.holders() ?? []) if (isStranger(uid)) await deps.grants?.release(uid, ctx);
  for (const uid of await deps.cgroups.uids()) if (isStranger(uid)) await deps.cgroups.removeUid(uid);
}
