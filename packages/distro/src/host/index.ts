/** @kapella/distro/host: what a node needs of its machine; tables and decisions, no host access. */
export * from './capabilities.ts';
export * from './containerd-config.ts';
export * from './doctor.ts';
export * from './image-table.ts';
export * from './kernel.ts';
export * from './mounts.ts';
export * from './packages.ts';
export * from './paths.ts';
export * from './pause-elf.ts';
export * from './process-stat.ts';
export * from './step.ts';
