/** What the four volume kinds with generated content share: the atomic writer and the fsGroup. */
import type { Payload } from './atomic-writer.ts';
import { writeAtomically } from './atomic-writer.ts';
import { applyFsGroup } from './ownership.ts';
import type { MountedVolume, VolumeDeps, VolumeRequest } from './volume.ts';

export async function writeContent(
  { pod }: VolumeRequest,
  dir: string,
  payload: Payload,
  { files, random }: VolumeDeps,
): Promise<MountedVolume> {
  await writeAtomically(dir, payload, files, random, (path) => applyFsGroup(pod, path, true, files));
  return { hostPath: dir, readOnly: true };
}
