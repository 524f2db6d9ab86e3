/** Output of both generations of ctr. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importedNames, parseImageTable } from './image-table.ts';

const TABLE = `REF                            TYPE                                       DIGEST            SIZE    PLATFORMS   LABELS
docker.io/library/busybox:1.38 application/vnd.oci.image.manifest.v1+json sha256:fd8ab911f9 1.1 MiB linux/amd64 \
io.cri-containerd.image=managed
sha256:1a1e097fad              application/vnd.oci.image.manifest.v1+json sha256:fd8ab911f9 1.1 MiB linux/amd64 -
`;

test('an image is listed once, by its name', () => {
  const row = {
    name: 'docker.io/library/busybox:1.38',
    digest: 'sha256:fd8ab911f9',
    size: '1.1 MiB',
    platforms: ['linux/amd64'],
  };
  assert.deepEqual(parseImageTable(TABLE), [row]);
});

test('names that an import brought, by containerd 1 and 2', () => {
  assert.deepEqual(importedNames('unpacking docker.io/library/a:1 (sha256:00)...done\n'), ['docker.io/library/a:1']);
  const two =
    'docker.io/library/a:1          \tsaved\t\napplication/vnd.oci.image.manifest.v1+json sha256:00\nImporting\telapsed: 0.1 s\t\n';
  assert.deepEqual(importedNames(two), ['docker.io/library/a:1']);
});
