/** Texts of kubectl explain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDescriptions } from './descriptions.ts';

test('metadata of an object and of a list is described where nothing else says it', () => {
  const { describe } = createDescriptions({
    'core/v1.Pod': { '': 'a Pod' },
    'core/v1.PodList': { '': 'Pods' },
    'x/v1.Own': { metadata: 'own words' },
  });
  assert.equal(describe('core/v1.Pod', 'metadata'), "Standard object's metadata.");
  assert.equal(describe('core/v1.PodList', 'metadata'), 'Standard list metadata.');
  assert.equal(describe('x/v1.Own', 'metadata'), 'own words');
  assert.equal(describe('core/v1.Pod', 'spec'), undefined);
  assert.equal(describe('y/v1.Unknown', 'metadata'), undefined);
});
