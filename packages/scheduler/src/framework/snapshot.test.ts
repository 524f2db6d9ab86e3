/** What the snapshot tells plans of: what counts, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { podStateOf } from './pod-state.ts';
import { Snapshot } from './snapshot.ts';

const node = { metadata: { name: 'n' }, status: { allocatable: { cpu: '4', memory: '4Gi', pods: '10' } } } as unknown as Node;

const pod = (change: { readonly cpu?: string; readonly status?: object; readonly labels?: object } = {}) =>
  ({
    metadata: { name: 'p', namespace: 'd', uid: 'u', labels: change.labels ?? {} },
    spec: {
      nodeName: 'n',
      containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: change.cpu ?? '1' } } }],
    },
    status: change.status ?? {},
  }) as unknown as Pod;

test('a status of a placed Pod is no change, what it asks for and its labels are', () => {
  const snapshot = new Snapshot({} as never);
  snapshot.setNode(node);
  snapshot.place(podStateOf(pod()), 'n');
  const first = snapshot.sequence;

  const ready = pod({ status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } });
  snapshot.place(podStateOf(ready), 'n');
  assert.equal(snapshot.sequence, first);
  assert.equal(snapshot.placed('d/p')?.pod, ready, 'the newest state is what is kept');

  snapshot.place(podStateOf(pod({ cpu: '2' })), 'n');
  assert.equal(snapshot.nodes.get('n')?.requested('cpu'), 2000);
  assert.ok(snapshot.sequence > first);

  const second = snapshot.sequence;
  snapshot.place(podStateOf(pod({ cpu: '2', labels: { a: 'b' } })), 'n');
  assert.ok(snapshot.sequence > second);
});
