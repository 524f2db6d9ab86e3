/** resource.k8s.io/v1 ResourceSlice, as the API server sees it. Source: kubernetes pkg/registry/resource/resourceslice. */
import type { ResourceSlice } from '@kapella/api/types/resource-v1';
import { defineResource } from '@kapella/apiserver';
import { formatTime } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';

export const resourceSliceResource = defineResource<ResourceSlice>({
  id: {
    group: 'resource.k8s.io',
    version: 'v1',
    kind: 'ResourceSlice',
    plural: 'resourceslices',
    singular: 'resourceslice',
  },
  scope: 'cluster',
  generationBumpsOn: ['spec'],
  columns: [
    nameColumn(),
    { name: 'Node', value: ({ spec }) => spec?.nodeName ?? '' },
    { name: 'Driver', value: ({ spec }) => spec?.driver ?? '' },
    { name: 'Pool', value: ({ spec }) => spec?.pool?.name ?? '' },
    ageColumn(),
  ],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
  allowUnconditionalUpdate: true,
  prepareForCreate: (slice, { nowMs }) => withTaintTimes(slice, nowMs),
  prepareForUpdate: (next, _old, { nowMs }) => withTaintTimes(next, nowMs),
});

/** Tolerations of a while count from when a taint was added: the server says it where a driver does not. */
function withTaintTimes(slice: ResourceSlice, nowMs: number): ResourceSlice {
  const isTimeless = slice.spec.devices?.some(({ taints }) => taints?.some((taint) => taint.timeAdded === undefined));
  if (isTimeless !== true) return slice;
  const timeAdded = formatTime(nowMs);
  const devices = slice.spec.devices?.map((device) =>
    device.taints === undefined
      ? device
      : { ...device, taints: device.taints.map((taint) => ({ ...taint, timeAdded: taint.timeAdded ?? timeAdded })) },
  );
  return { ...slice, spec: { ...slice.spec, ...(devices !== undefined && { devices }) } };
}
