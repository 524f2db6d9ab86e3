/** @kapella/controller: a controller-runtime for TypeScript. */
export * from './controller.ts';
