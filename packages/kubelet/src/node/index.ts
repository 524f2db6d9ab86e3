/** @kapella/kubelet/node: the agent on a real host. */
export { createHostCgroups } from '../cgroups/node/drivers.ts';
export { createCri, type CriDriverOptions } from '../cri/node/containerd.ts';
export { hostFiles } from '../host/node/host-files.ts';
export { type NodeDeps, type NodeOptions, type RunningNode, runNode, startNode } from './run-node.ts';
