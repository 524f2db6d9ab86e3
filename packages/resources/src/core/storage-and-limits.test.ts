/** Claims, volumes, quotas and limits: upstream's wording. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitRange, PersistentVolume, PersistentVolumeClaim, ResourceQuota } from '@kapella/api/types/core-v1';
import { cells, createErrors, given, updateErrors } from '../testing/harness.ts';
import { limitRangeResource } from './limitrange/limitrange.resource.ts';
import { persistentVolumeResource } from './persistentvolume/persistentvolume.resource.ts';
import { persistentVolumeClaimResource } from './persistentvolumeclaim/persistentvolumeclaim.resource.ts';
import { resourceQuotaResource } from './resourcequota/resourcequota.resource.ts';

const claim = (spec: object = {}, phase = 'Pending') =>
  given<PersistentVolumeClaim>({
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'fast',
      ...spec,
    },
    status: { phase, ...(phase === 'Bound' && { capacity: { storage: '1Gi' } }) },
  });
const stored = (object: PersistentVolumeClaim) => object;
const sized = (storage: string) => ({ resources: { requests: { storage } } });
const FIXED =
  'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

/** First lines, as upstream appends a difference. */
const heads = (errors: readonly string[]) => errors.map((text) => text.split('\n')[0]);
function claimUpdate(next: PersistentVolumeClaim, old: PersistentVolumeClaim): readonly (string | undefined)[] {
  // Creation resets the status: here the old claim is what is stored.
  const { prepareForCreate: _none, ...definition } = persistentVolumeClaimResource;
  return heads(updateErrors<PersistentVolumeClaim>(definition, next, stored(old)));
}

test('claims', () => {
  assert.deepEqual(createErrors(persistentVolumeClaimResource, claim()), []);
  assert.deepEqual(createErrors(persistentVolumeClaimResource, claim({ accessModes: ['Sometimes'], ...sized('0') })), [
    'spec.accessModes: Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", ' +
      '"ReadWriteOnce", "ReadWriteOncePod"',
    'spec.resources[storage]: Invalid value: "0": must be greater than zero',
  ]);
});

test('what a claim may change', () => {
  assert.deepEqual(claimUpdate(claim({ volumeName: 'pv' }), claim()), [], 'it is bound once');
  assert.deepEqual(claimUpdate(claim({ volumeName: 'b' }, 'Bound'), claim({ volumeName: 'a' }, 'Bound')), [FIXED]);
  assert.deepEqual(claimUpdate(claim(sized('2Gi')), claim()), [FIXED], 'only bound claims grow');
  assert.deepEqual(claimUpdate(claim(sized('2Gi'), 'Bound'), claim({}, 'Bound')), []);
  assert.deepEqual(claimUpdate(claim(sized('1Mi'), 'Bound'), claim(sized('2Gi'), 'Bound')), [
    'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
  ]);
  assert.deepEqual(claimUpdate(claim({ storageClassName: 'slow' }), claim()), [FIXED]);
  assert.deepEqual(claimUpdate(claim(), claim({ storageClassName: undefined })), [], 'a class comes to one without');
});

test('volumes', () => {
  const volume = (spec: object = {}) =>
    given<PersistentVolume>({
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' }, ...spec },
    });
  assert.deepEqual(createErrors(persistentVolumeResource, volume()), []);
  assert.deepEqual(createErrors(persistentVolumeResource, volume({ hostPath: undefined })), [
    'spec: Required value: must specify a volume type',
  ]);
  assert.deepEqual(heads(updateErrors(persistentVolumeResource, volume({ hostPath: { path: '/other' } }), volume())), [
    'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
  ]);
});

test('limit ranges', () => {
  const range = (...limits: object[]) => given<LimitRange>({ spec: { limits } });
  const good = { type: 'Container', min: { cpu: '100m' }, max: { cpu: '2' }, default: { cpu: '1' } };
  assert.deepEqual(createErrors(limitRangeResource, range(good)), []);
  assert.deepEqual(
    createErrors(limitRangeResource, range({ ...good, min: { cpu: '3' }, defaultRequest: { cpu: '3' } })),
    [
      'spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "3": default request value 3 is greater than max value 2',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "3": default request value 3 is greater than default limit value 1',
      'spec.limits[0].default[cpu]: Invalid value: "3": min value 3 is greater than default value 1',
    ],
  );
  assert.deepEqual(createErrors(limitRangeResource, range({ type: 'Pod', max: { cpu: '1' }, default: { cpu: '2' } })), [
    "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
  ]);
});

test('quotas', () => {
  const quota = (spec: object, status: object = {}) => given<ResourceQuota>({ spec, status });
  assert.deepEqual(createErrors(resourceQuotaResource, quota({ hard: { pods: '10', 'count/jobs.batch': '3' } })), []);
  assert.deepEqual(createErrors(resourceQuotaResource, quota({ hard: { gold: '1', pods: '1.5' } })), [
    'spec.hard[gold]: Invalid value: "gold": must be a standard resource for quota',
    'spec.hard[pods]: Invalid value: "1500m": must be an integer',
  ]);
  assert.deepEqual(
    createErrors(resourceQuotaResource, quota({ hard: { services: '1' }, scopes: ['BestEffort', 'NotBestEffort'] })),
    [
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: unsupported scope applied to resource',
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: unsupported scope applied to resource',
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
    ],
  );
  const hard = { pods: '10', 'limits.cpu': '4' };
  const row = cells(resourceQuotaResource, quota({ hard }, { hard, used: { pods: '3', 'limits.cpu': '1' } }));
  assert.deepEqual(row, ['web', 'pods: 3/10', 'limits.cpu: 1/4', '24h']);
});
