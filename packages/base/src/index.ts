/** @kapella/base: what every other package stands on. No host, no Kubernetes kind. */
export * from './api-error.ts';
export * from './clock.ts';
export * from './ctx.ts';
export * from './exact-json.ts';
export * from './field-errors.ts';
export * from './go-json.ts';
export * from './invariant.ts';
export * from './logger.ts';
export * from './metrics.ts';
export * from './random.ts';
export * from './virtual-clock.ts';
