/** Who is asked about a write, and that nobody costs nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { createAdmissionChain } from './admission-chain.ts';
import { createAdmissionMetrics } from './metrics/admission-metrics.ts';
import { createMetricsRegistry } from './metrics/registry.ts';
import type { ServerAccess } from './resource.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const server = {} as ServerAccess;
const object = { kind: 'Thing', apiVersion: 'v1', metadata: { name: 'a' } };
const request = { operation: 'CREATE', namespace: 'n', object } as unknown as AdmissionRequest;

function plugin(name: string, isIdle: boolean, asked: string[]): AdmissionPlugin {
  return {
    name,
    handles: ({ operation }) => operation === 'CREATE',
    isIdle: () => isIdle,
    async admit({ object: given }) {
      asked.push(`${name} admit`);
      return given && { ...given, metadata: { ...given.metadata, labels: { by: name } } };
    },
    async validate() {
      asked.push(`${name} validate`);
    },
  };
}

test('where all are idle nobody is asked, and nothing is waited for', () => {
  const asked: string[] = [];
  const chain = createAdmissionChain([plugin('a', true, asked), plugin('b', true, asked)]);
  assert.equal(chain.mutate(request, server, ctx), object);
  assert.equal(chain.validate(request, server, ctx), undefined);
  assert.deepEqual(asked, []);
});

test('one who is not idle is asked, the others are not, and all are counted', async () => {
  const asked: string[] = [];
  const registry = createMetricsRegistry();
  const plugins = [plugin('a', true, asked), plugin('b', false, asked), plugin('c', true, asked)];
  const chain = createAdmissionChain(plugins, createAdmissionMetrics(registry));
  const made = await chain.mutate(request, server, ctx);
  assert.deepEqual(made?.metadata.labels, { by: 'b' });
  await chain.validate(request, server, ctx);
  assert.deepEqual(asked, ['b admit', 'b validate']);
  const text = registry.text();
  for (const name of ['a', 'b', 'c']) {
    const series = new RegExp(`controller_admission_duration_seconds_count\\{name="${name}",.*type="admit"\\} 1`);
    assert.match(text, series);
  }
});
