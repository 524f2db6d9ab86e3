/** The podresources API on `pod-resources/kubelet.sock`. Source: kubernetes pkg/kubelet/apis/podresources/server_v1.go. */
import * as fs from 'node:fs/promises';
import * as grpc from '@grpc/grpc-js';
import type { Ctx } from '@kapella/base';
import { loadProto, type Wire } from '../../cri/node/grpc.ts';
import { allocatableResources, podResources, type PodResourcesSource } from '../pod-resources.ts';

type Done = (error: object | null, answer?: object) => void;

/** Answers from when it resolves until `ctx` aborts. */
export async function openPodResourcesSocket(dir: string, source: PodResourcesSource, ctx: Ctx): Promise<void> {
  await fs.mkdir(dir, { recursive: true, mode: 0o750 });
  const socket = `${dir}/kubelet.sock`;
  await fs.rm(socket, { force: true });
  const api = loadProto('./podresources.proto', import.meta.url) as Wire;
  const server = new grpc.Server();
  const active = () => source.workers().flatMap(({ pod, isActive }) => (isActive ? [pod] : []));
  server.addService(api.v1.PodResourcesLister.service, {
    list: (_call: Wire, done: Done) => done(null, { podResources: active().map((pod) => podResources(source, pod)) }),
    getAllocatableResources: (_call: Wire, done: Done) => done(null, allocatableResources(source)),
    get({ request }: Wire, done: Done) {
      const { podName, podNamespace } = request as Record<string, string>;
      const pod = active().find(({ metadata }) => metadata.name === podName && metadata.namespace === podNamespace);
      if (pod !== undefined) done(null, { podResources: podResources(source, pod) });
      else done({ code: grpc.status.UNKNOWN, details: `pod ${podName} in namespace ${podNamespace} not found` });
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  if (ctx.signal.aborted) server.forceShutdown();
  ctx.signal.addEventListener('abort', () => server.forceShutdown(), { once: true });
}
