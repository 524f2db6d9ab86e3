/** CsiNodeService over a driver's unix socket. */
import type { CsiNodeService, NodeCapability, VolumeUsage } from '../node-service.ts';
import { createUnaryClient, loadProto, type Wire } from './grpc.ts';

const CALL_MS = 120_000; // upstream's csiTimeout

/** Connects lazily. `socket`: an absolute path. */
export function createNodeService(socket: string): CsiNodeService {
  const client = createUnaryClient(loadProto('./csi.proto').csi.v1.Node, socket);
  return {
    async getInfo(ctx) {
      const answer = await client.call('nodeGetInfo', {}, CALL_MS, ctx);
      return {
        nodeId: answer.nodeId,
        maxVolumesPerNode: Number(answer.maxVolumesPerNode),
        topology: answer.accessibleTopology?.segments,
      };
    },
    async capabilities(ctx) {
      const answer = await client.call('nodeGetCapabilities', {}, CALL_MS, ctx);
      return new Set<NodeCapability>(answer.capabilities.map((one: Wire) => one.rpc?.type).filter(Boolean));
    },
    async stage(request, ctx) {
      await client.call('nodeStageVolume', request, CALL_MS, ctx);
    },
    async unstage(volumeId, stagingTargetPath, ctx) {
      await client.call('nodeUnstageVolume', { volumeId, stagingTargetPath }, CALL_MS, ctx);
    },
    async publish(request, ctx) {
      await client.call('nodePublishVolume', request, CALL_MS, ctx);
    },
    async unpublish(volumeId, targetPath, ctx) {
      await client.call('nodeUnpublishVolume', { volumeId, targetPath }, CALL_MS, ctx);
    },
    async expand(request, ctx) {
      const answer = await client.call('nodeExpandVolume', request, CALL_MS, ctx);
      return Number(answer.capacityBytes);
    },
    async stats(volumeId, volumePath, stagingTargetPath, ctx) {
      const request = { volumeId, volumePath, stagingTargetPath };
      const answer = await client.call('nodeGetVolumeStats', request, CALL_MS, ctx);
      const usage = answer.usage.filter(({ unit }: Wire) => unit === 'BYTES' || unit === 'INODES').map(usageOf);
      return { usage, condition: answer.volumeCondition ?? undefined };
    },
    close: () => client.close(),
  };
}

const usageOf = ({ unit, available, total, used }: Wire): VolumeUsage => ({
  unit,
  available: Number(available),
  total: Number(total),
  used: Number(used),
});
