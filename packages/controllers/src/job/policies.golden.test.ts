/** Policies of Jobs, case by case. Cases and results: upstream's pod_failure_policy_test.go, success_policy_test.go. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Job, PodFailurePolicyRule, SuccessPolicyRule } from '@kapella/api/types/batch-v1';
import type { Pod, PodCondition } from '@kapella/api/types/core-v1';
import { judgeFailure, judgeSuccess } from './policies.ts';

interface Container {
  readonly name: string;
  /** Absent: it has not ended. */
  readonly code?: number;
}

interface Golden {
  readonly success: readonly {
    readonly case: string;
    readonly completions: number;
    readonly succeeded: readonly (readonly [first: number, last: number])[];
    readonly rules?: readonly SuccessPolicyRule[];
    readonly message?: string;
  }[];
  readonly failure: readonly {
    readonly case: string;
    readonly rules: readonly PodFailurePolicyRule[];
    readonly containers?: readonly Container[];
    readonly init?: readonly Container[];
    readonly conditions?: readonly PodCondition[];
    readonly counts: boolean;
    readonly action?: string;
    readonly message?: string;
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL('policies.golden.json', import.meta.url), 'utf8'));

test('when enough has succeeded', () => {
  assert.ok(golden.success.length > 25);
  for (const { case: why, completions, succeeded, rules, message } of golden.success) {
    const job = { spec: { completions, ...(rules && { successPolicy: { rules } }) } } as unknown as Job;
    const intervals = succeeded.map(([first, last]) => ({ first, last }));
    assert.equal(judgeSuccess(job, intervals), message, why);
  }
});

const statuses = (containers: readonly Container[] = []) =>
  containers.map(({ name, code }) => ({ name, state: code === undefined ? {} : { terminated: { exitCode: code } } }));

test('what a failed Pod means', () => {
  assert.ok(golden.failure.length > 20);
  for (const { case: why, rules, containers, init, conditions = [], ...expected } of golden.failure) {
    const status = { containerStatuses: statuses(containers), initContainerStatuses: statuses(init), conditions };
    const metadata = { namespace: 'default', name: 'mypod' };
    const verdict = judgeFailure({ rules }, { metadata, spec: {}, status } as unknown as Pod);
    assert.deepEqual(verdict, { action: undefined, ...expected }, why);
  }
});
