/** Container images as OCI layout tars: no daemon, the same bytes for the same input. Source: OCI image-spec 1.1. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';
import type { CpuArch } from '../pause-elf.ts';

/** One entry of a layer. Parent directories that are not listed are made with mode 0755, owner 0. */
export type LayerEntry =
  | {
      readonly type: 'dir';
      readonly path: string;
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
    }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly type: 'file';
      readonly path: string;
      readonly content: Uint8Array | string | { readonly file: string; readonly sizeBytes: number };
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
    };

export type Compression = 'none' | 'gzip' | 'zstd';

export interface Layer {
  readonly mediaType: string;
  /** Of the bytes as stored. */
  readonly digest: string;
  /** Of the tar before compression. */
  readonly diffId: string;
  readonly bytes: Uint8Array;
}

export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workdir?: string;
  /** `80/tcp` */
  readonly exposedPorts?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
}

export interface Image {
  /** As a user writes it: `guestbook-web:demo`. */
  readonly name: string;
  readonly arch: CpuArch;
  readonly layers: readonly Layer[];
  readonly config: ImageConfig;
}

export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** Everything a registry or a layout needs, the manifest last. */
export interface ImageBlobs {
  readonly config: Blob;
  readonly layers: readonly Blob[];
  readonly manifest: Blob;
}

const MEDIA = 'application/vnd.oci.image';
const SUFFIX = { none: '', gzip: '+gzip', zstd: '+zstd' } as const;
const EPOCH = new Date(0);

export const sha256 = (bytes: Uint8Array | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** `nginx` -> `docker.io/library/nginx:latest`: the form under which containerd keeps and finds images. */
export function normalizeImageName(name: string): string {
  const [first = '', ...rest] = name.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const full = hasHost ? name : rest.length > 0 ? `docker.io/${name}` : `docker.io/library/${name}`;
  const last = full.slice(full.lastIndexOf('/'));
  return last.includes(':') || last.includes('@') ? full : `${full}:latest`;
}

/** Entries are sorted by path and carry no time, so equal files give an equal digest. */
export async function buildLayer(entries: readonly LayerEntry[], compression: Compression): Promise<Layer> {
  const tar = pack();
  const diff = createHash('sha256');
  const stored = createHash('sha256');
  const chunks: Buffer[] = [];
  const compress = compressor(compression);
  const hashDiff = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      diff.update(chunk);
      yield chunk;
    }
  };
  const sink = async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) {
      stored.update(chunk);
      chunks.push(chunk);
    }
  };
  const source = tar as unknown as Readable;
  const written =
    compress === undefined ? pipeline(source, hashDiff, sink) : pipeline(source, hashDiff, compress, sink);
  const filled = fill(tar, withParents(entries)).catch((error: Error) => tar.destroy(error));
  await Promise.all([written, filled]);
  return {
    mediaType: `${MEDIA}.layer.v1.tar${SUFFIX[compression]}`,
    digest: `sha256:${stored.digest('hex')}`,
    diffId: `sha256:${diff.digest('hex')}`,
    bytes: Buffer.concat(chunks),
  };
}

function compressor(compression: Compression) {
  if (compression === 'gzip') return createGzip({ level: 6 });
  if (compression === 'zstd') return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  return undefined;
}

function withParents(entries: readonly LayerEntry[]): readonly LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const path = posix.normalize(entry.path).replace(/^\/+|\/+$/g, '');
    if (path !== '' && path !== '.') byPath.set(path, { ...entry, path });
  }
  for (const path of [...byPath.keys()]) {
    for (let dir = posix.dirname(path); dir !== '.'; dir = posix.dirname(dir)) {
      if (!byPath.has(dir)) byPath.set(dir, { type: 'dir', path: dir });
    }
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function fill(tar: Pack, entries: readonly LayerEntry[]): Promise<void> {
  for (const entry of entries) await writeEntry(tar, entry);
  tar.finalize();
}

async function writeEntry(tar: Pack, entry: LayerEntry): Promise<void> {
  const head = { name: entry.path, mtime: EPOCH, uid: 0, gid: 0 };
  if (entry.type === 'symlink') {
    tar.entry({ ...head, type: 'symlink', linkname: entry.target, mode: 0o777 });
    return;
  }
  const owner = { ...head, uid: entry.uid ?? 0, gid: entry.gid ?? 0 };
  if (entry.type === 'dir') {
    tar.entry({ ...owner, name: `${entry.path}/`, type: 'directory', mode: entry.mode ?? 0o755 });
    return;
  }
  const { content } = entry;
  const mode = entry.mode ?? 0o644;
  if (typeof content === 'string' || content instanceof Uint8Array) {
    tar.entry({ ...owner, mode }, typeof content === 'string' ? content : Buffer.from(content));
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const sink = tar.entry({ ...owner, mode, size: content.sizeBytes }, (error) => (error ? reject(error) : resolve()));
    const from = createReadStream(content.file, { highWaterMark: 1 << 20 });
    from.on('error', reject);
    sink.on('error', reject); // also when the tar is given up
    from.pipe(sink as unknown as NodeJS.WritableStream);
  });
}

export function imageBlobs(image: Image): ImageBlobs {
  const { config: c } = image;
  const config = jsonBlob(`${MEDIA}.config.v1+json`, {
    architecture: image.arch,
    os: 'linux',
    config: {
      ...(c.user === undefined ? {} : { User: c.user }),
      ...(c.exposedPorts === undefined ? {} : { ExposedPorts: Object.fromEntries(c.exposedPorts.map((p) => [p, {}])) }),
      Env: Object.entries({ PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...c.env }).map(
        ([key, value]) => `${key}=${value}`,
      ),
      ...(c.entrypoint === undefined ? {} : { Entrypoint: c.entrypoint }),
      ...(c.cmd === undefined ? {} : { Cmd: c.cmd }),
      ...(c.workdir === undefined ? {} : { WorkingDir: c.workdir }),
      ...(c.labels === undefined ? {} : { Labels: c.labels }),
      ...(c.stopSignal === undefined ? {} : { StopSignal: c.stopSignal }),
    },
    rootfs: { type: 'layers', diff_ids: image.layers.map((layer) => layer.diffId) },
    history: image.layers.map(() => ({ created_by: 'kapella' })),
  });
  const descriptor = (blob: Blob) => ({ mediaType: blob.mediaType, digest: blob.digest, size: blob.bytes.length });
  const manifest = jsonBlob(`${MEDIA}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${MEDIA}.manifest.v1+json`,
    config: descriptor(config),
    layers: image.layers.map(descriptor),
  });
  return { config, layers: image.layers, manifest };
}

function jsonBlob(mediaType: string, value: unknown): Blob {
  const bytes = Buffer.from(JSON.stringify(value));
  return { mediaType, digest: sha256(bytes), bytes };
}

/** An OCI layout as one tar, as `ctr images import` reads it. Yields chunks; nothing is copied. */
export function ociLayoutTar(image: Image): Readable {
  const { config, layers, manifest } = imageBlobs(image);
  const name = normalizeImageName(image.name);
  const index = jsonBlob(`${MEDIA}.index.v1+json`, {
    schemaVersion: 2,
    mediaType: `${MEDIA}.index.v1+json`,
    manifests: [
      {
        mediaType: manifest.mediaType,
        digest: manifest.digest,
        size: manifest.bytes.length,
        platform: { architecture: image.arch, os: 'linux' },
        annotations: {
          'io.containerd.image.name': name,
          'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
        },
      },
    ],
  });
  const tar = pack();
  const entry = (path: string, bytes: Uint8Array) =>
    tar.entry({ name: path, mtime: EPOCH, mode: 0o644 }, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  entry('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  entry('index.json', index.bytes);
  const seen = new Set<string>();
  for (const blob of [manifest, config, ...layers]) {
    if (seen.has(blob.digest)) continue;
    seen.add(blob.digest);
    entry(`blobs/sha256/${blob.digest.slice('sha256:'.length)}`, blob.bytes);
  }
  tar.finalize();
  return tar as unknown as Readable;
}
