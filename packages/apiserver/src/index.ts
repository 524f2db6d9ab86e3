/** @kapella/apiserver: the generic server. It knows no kind: resources bring the tables, admission the plugins. */
export * from './admission.ts';
export * from './resource.ts';
