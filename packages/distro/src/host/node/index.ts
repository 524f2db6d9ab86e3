/** @kapella/distro/host/node: what provisions a machine; runs programs and writes files. */
export * from './containerd.ts';
export * from './ctr.ts';
export * from './daemon.ts';
export * from './doctor-probe.ts';
export * from './files.ts';
export * from './oci.ts';
export * from './packages-step.ts';
export * from './pause-image.ts';
export * from './run.ts';
export * from './runtime-steps.ts';
export * from './teardown.ts';
