import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import { fromStoredV1beta1 } from './stored-v1beta1.ts';

const stored = (spec: object) =>
  ({
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    metadata: { name: 'x' },
    spec,
  }) as unknown as UnknownObject;

test('what versions share goes to each of them', () => {
  const { spec } = fromStoredV1beta1(
    stored({
      group: 'g',
      version: 'v1',
      versions: [
        { name: 'v1', served: true, storage: true },
        { name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: { type: 'string' } } },
      ],
      validation: { openAPIV3Schema: { type: 'object' } },
      additionalPrinterColumns: [{ name: 'A', type: 'string', JSONPath: '.a' }],
      preserveUnknownFields: false,
      conversion: { strategy: 'Webhook', webhookClientConfig: { url: 'u' }, conversionReviewVersions: ['v1'] },
    }),
  );
  assert.deepEqual(spec, {
    group: 'g',
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
        additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.a' }],
      },
      {
        ...{ name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: { type: 'string' } } },
        additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.a' }],
      },
    ],
    conversion: { strategy: 'Webhook', webhook: { clientConfig: { url: 'u' }, conversionReviewVersions: ['v1'] } },
  });
});

test('one version alone, whose unknown fields are kept unless it says otherwise', () => {
  const { spec } = fromStoredV1beta1(stored({ group: 'g', version: 'v1' }));
  assert.deepEqual(spec, {
    group: 'g',
    versions: [{ name: 'v1', served: true, storage: true }],
    preserveUnknownFields: true,
  });
});
