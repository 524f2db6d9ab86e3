/** The kinds of snapshot.storage.k8s.io/v1, without their schemas, and objects of them. Source: kubernetes-csi/external-snapshotter. */

const GROUP = 'snapshot.storage.k8s.io';

function kind(name: string, plural: string, scope: 'Namespaced' | 'Cluster') {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const hasStatus = name !== 'VolumeSnapshotClass';
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${GROUP}`,
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-csi/external-snapshotter/pull/814' },
    },
    spec: {
      group: GROUP,
      scope,
      names: { kind: name, plural, singular: name.toLowerCase(), listKind: `${name}List` },
      versions: [
        { name: 'v1', served: true, storage: true, schema, ...(hasStatus && { subresources: { status: {} } }) },
      ],
    },
  };
}

export const snapshotKinds = () => [
  kind('VolumeSnapshot', 'volumesnapshots', 'Namespaced'),
  kind('VolumeSnapshotContent', 'volumesnapshotcontents', 'Cluster'),
  kind('VolumeSnapshotClass', 'volumesnapshotclasses', 'Cluster'),
];

export const snapshotClass = {
  apiVersion: `${GROUP}/v1`,
  kind: 'VolumeSnapshotClass',
  metadata: { name: 'loop' },
  driver: 'loop.csi.kapella.io',
  deletionPolicy: 'Delete',
};

/** Of a claim, under its name. */
export const snapshotOf = (claim: string) => ({
  apiVersion: `${GROUP}/v1`,
  kind: 'VolumeSnapshot',
  metadata: { name: claim },
  spec: { volumeSnapshotClassName: 'loop', source: { persistentVolumeClaimName: claim } },
});
