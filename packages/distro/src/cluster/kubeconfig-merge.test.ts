/** A user's kubeconfig holds more than ours, and keeps it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { mergeKubeconfig, removeFromKubeconfig } from './kubeconfig-merge.ts';

const entry = (name: string, server: string) => `apiVersion: v1
kind: Config
clusters:
  - name: ${name}
    cluster:
      server: ${server}
users:
  - name: ${name}
    user: {}
contexts:
  - name: ${name}
    context:
      cluster: ${name}
      user: ${name}
current-context: ${name}
`;
const users = `# mine
${entry('work', 'https://work:1')}`;

test('into nothing: a whole kubeconfig with our context current', () => {
  const made = parse(mergeKubeconfig('', entry('kapella', 'https://x:1'), 'kapella'));
  assert.equal(made.kind, 'Config');
  assert.equal(made['current-context'], 'kapella');
  assert.equal(made.clusters[0].cluster.server, 'https://x:1');
});

test('beside others: their entries, comments and current context stay', () => {
  const text = mergeKubeconfig(users, entry('kapella', 'https://x:1'), 'kapella');
  const made = parse(text);
  assert.match(text, /^# mine/);
  assert.equal(made['current-context'], 'work');
  assert.deepEqual(
    made.contexts.map((context: { name: string }) => context.name),
    ['work', 'kapella'],
  );
});

test('again: replaces ours; out again: leaves what was before', () => {
  const once = mergeKubeconfig(users, entry('kapella', 'https://x:1'), 'kapella');
  const twice = mergeKubeconfig(once, entry('kapella', 'https://x:2'), 'kapella');
  assert.deepEqual(
    parse(twice).clusters.map((cluster: { cluster: { server: string } }) => cluster.cluster.server),
    ['https://work:1', 'https://x:2'],
  );
  assert.equal(removeFromKubeconfig(twice, 'kapella'), users);
});

test('nothing is left when there was nothing else', () => {
  assert.equal(removeFromKubeconfig(mergeKubeconfig('', entry('k', 'x'), 'k'), 'k'), undefined);
});

test('a file that is something else is refused', () => {
  assert.throws(() => mergeKubeconfig('a: [', entry('k', 'x'), 'k'), /no valid YAML/);
  assert.throws(() => mergeKubeconfig('kind: Pod', entry('k', 'x'), 'k'), /no kubeconfig/);
});
