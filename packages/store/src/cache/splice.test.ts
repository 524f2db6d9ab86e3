/** resourceVersions in and out of encoded objects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSplicer, withoutRevision } from './splice.ts';

const HEAD = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{';
const encoder = new TextEncoder();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test('what was put in comes out again, also behind a head of another version', () => {
  const splice = createSplicer(HEAD);
  const heads = fc.constantFrom(HEAD, '{"kind":"Widget","apiVersion":"example.com/v1alpha1","metadata":{');
  fc.assert(
    fc.property(heads, fc.string(), fc.nat(), (head, data, revision) => {
      const value = encoder.encode(`${head}"name":"a"},"data":${JSON.stringify(data)}}`);
      const bytes = splice(value, revision);
      assert.equal(JSON.parse(text(bytes)).metadata.resourceVersion, String(revision));
      assert.equal(text(withoutRevision(bytes, revision)), text(value));
    }),
  );
});
