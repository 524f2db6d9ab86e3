/** The three kinds of patches that are not server-side apply. */
export { applyJsonPatch } from './json-patch.ts';
export { applyMergePatch } from './merge-patch.ts';
export { cloneJson } from './plain.ts';
export { applyStrategicMergePatch } from './strategic-merge-patch.ts';
