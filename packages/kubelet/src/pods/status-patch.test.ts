/** Patches of Pod statuses touch what changed and nothing of others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodStatus } from '@kapella/api/types/core-v1';
import { stripLogLines } from './observe.ts';
import { statusPatch } from './status-patch.ts';

const status = (patch: object | undefined) => (patch as { status?: object } | undefined)?.status;

test('a condition of our own that is over is deleted, those of others stay', () => {
  const condition = (type: string) => ({ type, status: 'True' as const });
  const from = { conditions: [condition('Ready'), condition('PodResizePending'), condition('example.com/gate')] };
  assert.deepEqual(statusPatch(from, { conditions: [condition('Ready')] }, 'u'), {
    metadata: { uid: 'u' },
    status: { conditions: [{ $patch: 'delete', type: 'PodResizePending' }] },
  });
});

test('nothing changed, nothing written', () => {
  const same: PodStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  assert.equal(statusPatch(same, structuredClone(same), 'u'), undefined);
});

test('fields that are gone are removed, addresses replaced, conditions of others left', () => {
  const from: PodStatus = {
    phase: 'Pending',
    reason: 'x',
    podIPs: [{ ip: '1' }],
    conditions: [
      { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'm' },
      { type: 'example.com/gate', status: 'False' },
      { type: 'PodScheduled', status: 'True' },
    ],
  };
  const to: PodStatus = {
    phase: 'Running',
    podIPs: [{ ip: '2' }],
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'example.com/gate', status: 'True' },
      { type: 'PodScheduled', status: 'True' },
    ],
  };
  const patch = statusPatch(from, to, 'u');
  assert.deepEqual((patch as { metadata: object }).metadata, { uid: 'u' });
  assert.deepEqual(status(patch), {
    phase: 'Running',
    reason: null,
    podIPs: [{ $patch: 'replace' }, { ip: '2' }],
    conditions: [{ type: 'Ready', status: 'True', reason: null, message: null }],
  });
});

test('log lines lose their frame; pieces of a line are joined', () => {
  const log = [
    '2024-01-01T00:00:00Z stdout F one',
    '2024-01-01T00:00:00Z stderr P tw',
    '2024-01-01T00:00:00Z stderr F o and more',
    'no CRI line',
    '',
  ].join('\n');
  assert.equal(stripLogLines(log, 80), 'one\ntwo and more\n');
  assert.equal(stripLogLines(log, 1), 'o and more\n');
});
