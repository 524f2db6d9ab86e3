/** Revisions as bytes: what a Go client makes of the same template. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, hashText } from './canonical.ts';
import { revisionData } from './revisions.ts';

test("a revision's members are sorted, as Go sorts the keys of maps", () => {
  const template = {
    spec: { restartPolicy: 'Always' as const, containers: [{ name: 'app', image: 'x', args: ['a'], resources: {} }] },
    metadata: { labels: { b: '2', a: '1' } },
  };
  const wanted =
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"a":"1","b":"2"}},' +
    '"spec":{"containers":[{"args":["a"],"image":"x","name":"app","resources":{}}],"restartPolicy":"Always"}}}}';
  assert.equal(JSON.stringify(revisionData(template)), wanted);
});

test('what Go escapes is escaped: the same bytes, so the same hash and no revision anew', () => {
  const data = revisionData({ spec: { containers: [{ name: 'c', args: ['a && b > c', '<\u2028'] }] } } as never);
  const text = canonicalJson(data);
  assert.ok(text.includes(String.raw`"args":["a \u0026\u0026 b \u003e c","\u003c\u2028"]`), text);
  assert.deepEqual(JSON.parse(text), data);
  assert.notEqual(hashText(text), hashText(JSON.stringify(data)));
});
