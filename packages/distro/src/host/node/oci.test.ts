/** The same input gives the same bytes; the tar holds what its index says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { buildLayer, type Image, imageBlobs, normalizeImageName, ociLayoutTar, sha256 } from './oci.ts';

const entries = [
  { type: 'file', path: '/b/c/file', content: 'hello', mode: 0o755 },
  { type: 'symlink', path: 'a', target: 'b/c' },
] as const;

test('order of entries does not matter, content does', async () => {
  const one = await buildLayer(entries, 'none');
  const two = await buildLayer([...entries].reverse(), 'none');
  const other = await buildLayer([{ ...entries[0], content: 'hullo' }, entries[1]], 'none');
  assert.equal(one.digest, two.digest);
  assert.notEqual(one.digest, other.digest);
});

test('parents are made, and nothing carries a time', async () => {
  const { bytes } = await buildLayer(entries, 'none');
  const names: string[] = [];
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const text = (from: number, length: number) =>
      Buffer.from(bytes.subarray(at + from, at + from + length))
        .toString()
        .replace(/\0.*$/s, '');
    names.push(text(0, 100));
    assert.equal(Number.parseInt(text(136, 12), 8), 0);
    at += 512 + Math.ceil(Number.parseInt(text(124, 12), 8) / 512) * 512;
  }
  assert.deepEqual(names, ['a', 'b/', 'b/c/', 'b/c/file']);
});

test('diffId is of the tar, digest of what is stored', async () => {
  const plain = await buildLayer(entries, 'none');
  const packed = await buildLayer(entries, 'zstd');
  assert.equal(packed.diffId, plain.digest);
  assert.equal(packed.digest, sha256(packed.bytes));
  assert.equal(sha256(zstdDecompressSync(packed.bytes)), packed.diffId);
});

test('the layout holds each blob under its digest', async () => {
  const layer = await buildLayer(entries, 'gzip');
  const image: Image = { name: 'a:1', arch: 'amd64', layers: [layer], config: { user: '5', env: { A: 'b' } } };
  const { config, manifest } = imageBlobs(image);
  const decoded = JSON.parse(Buffer.from(config.bytes).toString());
  assert.deepEqual(decoded.rootfs.diff_ids, [layer.diffId]);
  assert.equal(decoded.config.User, '5');
  const chunks: Buffer[] = [];
  for await (const chunk of ociLayoutTar(image)) chunks.push(chunk as Buffer);
  const tar = Buffer.concat(chunks);
  for (const blob of [config, manifest, layer]) {
    assert.equal(sha256(blob.bytes), blob.digest);
    const at = tar.indexOf(`blobs/sha256/${blob.digest.slice(7)}`);
    assert.deepEqual(tar.subarray(at + 512, at + 512 + blob.bytes.length), Buffer.from(blob.bytes));
  }
  assert.ok(tar.includes('"io.containerd.image.name":"docker.io/library/a:1"'));
});

test('a source that cannot be read fails the layer', async () => {
  const missing = { type: 'file', path: 'x', content: { file: '/nonexistent/file', sizeBytes: 3 } } as const;
  await assert.rejects(buildLayer([missing], 'none'), /ENOENT/);
});

const NAMES = [
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1', 'docker.io/library/nginx:1'],
  ['me/app', 'docker.io/me/app:latest'],
  ['localhost/app:2', 'localhost/app:2'],
  ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest'],
  ['registry.k8s.io/pause:3.10.1', 'registry.k8s.io/pause:3.10.1'],
] as const;
test('image names as containerd keeps them', () => {
  for (const [name, full] of NAMES) assert.equal(normalizeImageName(name), full);
});
