/** Schemas say to clients what may be left out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schema } from './schema.ts';

test('required is what is neither optional nor has a default: kubectl refuses objects that lack it', () => {
  const { openApi } = schema.object({
    name: schema.string(),
    size: schema.withDefault(schema.integer(), 1),
    keep: schema.withDefault(schema.boolean(), false),
    note: schema.optional(schema.string()),
  });
  assert.deepEqual(openApi['required'], ['name']);
  assert.deepEqual(schema.object({ size: schema.withDefault(schema.integer(), 1) }).openApi['required'], undefined);
});
