/** @kapella/kubelet: the node agent. Pod lifecycle core, workers, volumes, images; the runtime behind CRI. */
export * from './cri/config.ts';
export * from './cri/cri.ts';
export * from './prober.ts';
export * from './server-source.ts';
