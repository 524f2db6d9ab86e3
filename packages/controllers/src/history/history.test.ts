/** Revisions as bytes: what a Go client makes of the same template. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
