/** Waits until a volume is attached to this node. Source: kubernetes pkg/volume/csi/csi_attacher.go (WaitForAttach). */
import { coreV1, storageV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import type { VolumeAttachment } from '@kapella/api/types/storage-v1';
import { type Ctx, sleep } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { StringMap } from '@kapella/csi';
import { attachmentName, type CsiVolume, uniqueVolumeName } from './csi-volume.ts';
import type { VolumesInUse } from './volumes-in-use.ts';

const WAIT_MS_MAX = 120_000;
const LOOK_MS = 200;
const LOOK_MS_MAX = 2_000;

export type AttachmentView =
  | { readonly state: 'attached'; readonly publishContext: StringMap }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'waiting' };

/** Both must say so: the attachment that the driver has done its part, the Node that nobody is about to undo it. */
export function judgeAttachment(
  name: string,
  node: Node | undefined,
  attachment: VolumeAttachment | undefined,
): AttachmentView {
  const { attached, attachError, attachmentMetadata } = attachment?.status ?? {};
  if (attachment?.metadata.deletionTimestamp !== undefined) return { state: 'waiting' };
  if (attached === true && node?.status?.volumesAttached?.some((volume) => volume.name === name) === true) {
    return { state: 'attached', publishContext: attachmentMetadata ?? {} };
  }
  if (attached !== true && attachError?.message) return { state: 'failed', message: attachError.message };
  return { state: 'waiting' };
}

/** Answers what the driver's controller said of the attachment. Throws with its error, or after two minutes. */
export async function untilAttached(
  volume: CsiVolume,
  nodeName: string,
  inUse: VolumesInUse,
  client: Client,
  ctx: Ctx,
): Promise<StringMap> {
  const name = uniqueVolumeName(volume);
  inUse.add(name);
  await inUse.untilReported(name, ctx);
  const attachment = { name: attachmentName(volume, nodeName) };
  const untilMs = ctx.clock.monotonicMs() + WAIT_MS_MAX;
  for (let pauseMs = LOOK_MS; ; pauseMs = Math.min(pauseMs * 1.5, LOOK_MS_MAX)) {
    const found = await client.get(storageV1.VolumeAttachment, attachment, ctx);
    const node = found?.status?.attached ? await client.get(coreV1.Node, { name: nodeName }, ctx) : undefined;
    const view = judgeAttachment(name, node, found);
    if (view.state === 'attached') return view.publishContext;
    if (view.state === 'failed') throw new Error(view.message);
    if (ctx.clock.monotonicMs() >= untilMs) {
      throw new Error(
        `timed out waiting for external-attacher of ${volume.driver} CSI driver to attach volume ${volume.handle}`,
      );
    }
    await sleep(pauseMs, ctx);
  }
}
