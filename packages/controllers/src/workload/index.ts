/** What the controllers that own Pods share. */
export * from './claim.ts';
export * from './json.ts';
export * from './kinds.ts';
export * from './late-expectations.ts';
export * from './own-writes.ts';
export * from './pod-control.ts';
export * from './pod-status.ts';
export * from './pods-control.ts';
export * from './template.ts';
