/** ControllerRevisions: shared by statefulset and daemonset. */
export * from './canonical.ts';
export * from './history.ts';
export * from './revisions.ts';
