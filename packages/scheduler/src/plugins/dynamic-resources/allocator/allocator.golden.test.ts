/**
 * The allocator beside upstream's: the inputs of its own table of tests, with what it answered to each when all features
 * on by default in 1.36 are on. Source: k8s.io/dynamic-resource-allocation v0.36.3 structured/internal/allocatortesting.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Quantity } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import type { AllocationResult, DeviceClass, ResourceClaim, ResourceSlice } from '@kapella/api/types/resource-v1';
import type { AllocatedState } from './allocated-state.ts';
import { allocate } from './allocator.ts';
import { DeviceSelectors } from './device-selector.ts';
import { SliceIndex } from './pools.ts';
import { AllocationProblem } from './problem.ts';

interface Row {
  readonly name: string;
  readonly node: Node;
  readonly claims: readonly ResourceClaim[];
  readonly classes?: readonly DeviceClass[];
  readonly slices?: readonly ResourceSlice[];
  /** `driver/pool/device` of devices held alone; `driver/pool/device/share` of shares. */
  readonly taken?: readonly string[];
  readonly shared?: readonly string[];
  readonly capacity?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Absent, with no error: the node cannot. */
  readonly results?: readonly AllocationResult[];
  readonly error?: string;
}

const rows = JSON.parse(readFileSync(new URL('./upstream.golden.json', import.meta.url), 'utf8')) as readonly Row[];

describe('as upstream allocates', () => {
  for (const row of rows) test(row.name, () => assert.deepEqual(ours(row), theirs(row)));
});

function ours({ node, claims, classes = [], slices = [], ...held }: Row): unknown {
  const input = {
    slices: new SliceIndex(slices),
    classOf: (name: string) => classes.find(({ metadata }) => metadata.name === name),
    selectors: new DeviceSelectors(),
    allocated: stateOf(held),
  };
  try {
    const results = allocate(claims, node, input);
    return typeof results === 'string' ? results : normalized(results);
  } catch (error) {
    if (error instanceof AllocationProblem) return comparable(error.message);
    throw error;
  }
}

function theirs({ results, error }: Row): unknown {
  if (error !== undefined) return comparable(error);
  return results === undefined ? 'cannot allocate all claims' : normalized(results);
}

function stateOf({ taken = [], shared = [], capacity = {} }: Partial<Row>): AllocatedState {
  const amounts = (of: Readonly<Record<string, string>> = {}) =>
    new Map(Object.entries(of).map(([name, amount]) => [name, Quantity.parse(amount)]));
  const ids = new Set([...shared.map((id) => id.split('/').slice(0, 3).join('/')), ...Object.keys(capacity)]);
  return { devices: new Set(taken), shared: new Map([...ids].map((id) => [id, amounts(capacity[id])])) };
}

/** Ids of shares are drawn by chance; an empty list is as good as none. */
function normalized(results: readonly AllocationResult[]): unknown {
  return JSON.parse(
    JSON.stringify(results, (key, value: unknown) => {
      if (key === 'shareID') return 'id';
      return Array.isArray(value) && value.length === 0 && key !== '' && key !== 'results' ? undefined : value;
    }),
  );
}

/** What a CEL compiler says of an expression, and a lister of a missing class, is its own. */
function comparable(error: string): string {
  return error.replace(/(CEL compile error|could not retrieve device class [^:]*): .*/s, '$1');
}
