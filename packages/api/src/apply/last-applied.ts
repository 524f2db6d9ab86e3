/** The way over from client-side apply. Source: managedfields/internal/lastapplied{,manager,updater}.go. */
import { parseExactJson, sortKeys, stringifyExactJson } from '@kapella/base';
import { ANNOTATIONS_SIZE_MAX_BYTES, byteLength } from '../names/index.ts';
import { compareObjects } from './compare.ts';
import { fieldSetOf } from './field-set.ts';
import { differenceOfFields, type Fields, hasPath, unionFields } from './fields.ts';
import type { ApplyType } from './schema.ts';
import type { Conflict } from './updater.ts';
import { validateObject } from './validate.ts';
import { getKey, isPlain, type Plain } from './values.ts';

export const LAST_APPLIED_ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';

function annotationsOf(object: Readonly<Plain>): Plain | undefined {
  const metadata = object.metadata;
  const annotations = isPlain(metadata) ? metadata.annotations : undefined;
  if (!isPlain(annotations)) return undefined;
  // Custom objects may hold anything here; what is no map of strings does not count.
  return Object.values(annotations).every((value) => typeof value === 'string') ? annotations : undefined;
}

/** Conflicts that remain when kubectl may take over what it applied from the client before. */
export function conflictsNotLastApplied(
  live: Readonly<Plain>,
  conflicts: readonly Conflict[],
  type: ApplyType,
): readonly Conflict[] {
  const allowed = unchangedSinceLastApplied(live, type);
  return allowed === undefined ? conflicts : conflicts.filter(({ path }) => !hasPath(allowed, path));
}

function unchangedSinceLastApplied(live: Readonly<Plain>, type: ApplyType): Fields | undefined {
  const text = getKey(annotationsOf(live), LAST_APPLIED_ANNOTATION);
  if (typeof text !== 'string' || text === '') return undefined;
  let lastApplied: unknown;
  try {
    lastApplied = parseExactJson(text);
  } catch {
    return undefined;
  }
  if (!isPlain(lastApplied) || lastApplied.apiVersion !== live.apiVersion) return undefined;
  if (validateObject(lastApplied, type).length > 0 || validateObject(live, type).length > 0) return undefined;
  const { modified, added, removed } = compareObjects(lastApplied, live, type);
  return differenceOfFields(fieldSetOf(lastApplied, type), unionFields(unionFields(modified, added), removed));
}

/** Keeps the annotation of an object that has it true to what was applied last. */
export function withLastApplied(object: Readonly<Plain>, applied: Readonly<Plain>): Plain {
  const annotations = annotationsOf(object);
  const current = getKey(annotations, LAST_APPLIED_ANNOTATION);
  if (typeof current !== 'string' || current === '') return object;
  const { [LAST_APPLIED_ANNOTATION]: _, ...others } = annotations as Plain;
  const next: Plain = { ...others, [LAST_APPLIED_ANNOTATION]: lastAppliedText(applied) };
  const metadata = object.metadata as Plain;
  return {
    ...object,
    metadata: { ...metadata, annotations: sizeOf(next) > ANNOTATIONS_SIZE_MAX_BYTES ? others : next },
  };
}

function lastAppliedText(applied: Readonly<Plain>): string {
  const { annotations, ...metadata } = applied.metadata as Plain;
  if (isPlain(annotations)) {
    const { [LAST_APPLIED_ANNOTATION]: _, ...others } = annotations;
    metadata.annotations = others;
  }
  return `${stringifyExactJson(sortKeys({ ...applied, metadata }))}\n`;
}

function sizeOf(annotations: Readonly<Plain>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) bytes += byteLength(key) + byteLength(String(value));
  return bytes;
}
