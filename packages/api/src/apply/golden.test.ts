/** Whole histories of objects, against what upstream's own code made of them: golden.json, from Kubernetes 1.36.3. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@kapella/base';
import { createTypeFacts } from '../facts/index.ts';
import type { ManagedFieldsEntry } from '../meta.ts';
import golden from './golden.json' with { type: 'json' };
import { ApplySchema, createFieldManager } from './index.ts';

const facts = createTypeFacts();
const manager = createFieldManager(facts);
const schema = new ApplySchema(facts);

interface Step {
  readonly op: string;
  readonly manager: string;
  readonly force?: boolean;
  readonly subresource?: string;
  readonly resetFields?: readonly (readonly string[])[];
  readonly object: object;
  readonly error?: string;
  readonly result?: object;
  readonly managedFields?: readonly unknown[];
}

interface Stored {
  readonly metadata?: object;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}

function run(step: Step, live: object, typeId: string, nowMs: number): object {
  const { subresource = '', resetFields = [], force = false, object } = step;
  const known = schema.type(typeId);
  const request = {
    live,
    manager: step.manager,
    subresource,
    nowMs,
    resetFields,
    ...(known === undefined ? {} : { type: known }),
  };
  let stored: Stored = object;
  let managedFields: readonly ManagedFieldsEntry[] | undefined;
  if (step.op === 'apply') {
    const applied = manager.apply({ ...request, applied: object, force });
    stored = applied.object;
    managedFields = applied.managedFields;
  } else managedFields = manager.trackUpdate({ ...request, next: object });
  const { managedFields: _, ...metadata } = (stored.metadata ?? {}) as { managedFields?: unknown };
  return { ...stored, metadata: { ...metadata, uid: 'u1', ...(managedFields === undefined ? {} : { managedFields }) } };
}

/** The object and its managedFields apart, the latter without times and in one order. */
function split(object: object): { object: object; managedFields: unknown[] } {
  const { metadata, ...rest } = object as { metadata: { managedFields?: ManagedFieldsEntry[] } };
  const { managedFields = [], ...others } = metadata;
  const entries = managedFields.map(({ time: _, ...entry }) => entry);
  return { object: { ...rest, metadata: others }, managedFields: sortEntries(entries) };
}

const nameOf = (entry: object) => JSON.stringify({ ...entry, fieldsV1: undefined }, Object.keys(entry).sort());
const sortEntries = (entries: readonly object[]) => entries.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
const sortLines = (text: string) => text.split('\n').sort();

for (const [i, { type, steps }] of golden.entries()) {
  test(`history ${i} of a ${type || 'custom object'} is upstream's`, () => {
    const first = steps[0]?.object as { apiVersion: string; kind: string };
    let live: object = { apiVersion: first.apiVersion, kind: first.kind };
    for (const [j, step] of (steps as readonly Step[]).entries()) {
      deepFreeze(step.object);
      deepFreeze(live);
      const where = `step ${j}`;
      if (step.error !== undefined) {
        assert.throws(
          () => run(step, live, type, 1e12 + j * 1000),
          (error) => {
            assert.ok(error instanceof ApiError, String(error));
            assert.deepEqual(sortLines(error.message), sortLines(step.error ?? ''), where);
            return true;
          },
        );
        continue;
      }
      live = run(step, live, type, 1e12 + j * 1000);
      const { object, managedFields } = split(live);
      assert.deepEqual(object, step.result, where);
      assert.deepEqual(managedFields, sortEntries((step.managedFields ?? []) as object[]), where);
    }
  });
}
