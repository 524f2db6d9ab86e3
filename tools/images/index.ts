/** @kapella/tools/images: container images from Debian packages and npm, without a daemon or a registry. */
export * from './apt.ts';
export * from './demo.ts';
export * from './elf.ts';
export * from './image-cache.ts';
export * from './program.ts';
export * from './recipes.ts';
export * from './registry.ts';
export * from './tree.ts';
