/** What NodeResourcesFit scores by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { search } from '../../framework/decide.ts';
import { podStateOf } from '../../framework/pod-state.ts';
import { aNode, aPod, type Json, TestCluster } from '../../test-support.ts';

function fitScore(spec: Json): number | undefined {
  const node = aNode('n', { allocatable: { cpu: '4', memory: '8Gi' } });
  const { snapshot, planner, profile } = new TestCluster([node]);
  const pod = podStateOf(aPod('p', { spec }));
  const { plan } = search(pod, snapshot, profile, planner);
  const fit = profile.score.find(({ plugin }) => plugin.name === 'NodeResourcesFit')?.plugin;
  const state = fit?.preScore?.(pod, snapshot, plan.filterStates.get('NodeResourcesFit'));
  const [only] = snapshot.nodes.values();
  return state === undefined || state === 'skip' || only === undefined ? undefined : state.score(only);
}

test("requests of the Pod as a whole do not count for the score, as upstream's scorer has it", () => {
  const resources = { requests: { cpu: '3', memory: '6Gi' } };
  assert.equal(fitScore({}), 97);
  assert.equal(fitScore({ resources }), 97);
});
