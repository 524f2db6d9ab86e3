/** Pushes an image to a registry. Source: OCI distribution-spec 1.1, "Pushing". */
import { extract } from 'tar-stream';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';

export interface PushOptions {
  /** `http://127.0.0.1:5000` */
  readonly registry: string;
  /** `team/web` */
  readonly repository: string;
  readonly tag: string;
  readonly username?: string;
  readonly password?: string;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Pushes the one image of an OCI layout tar, as this builder writes them. Blobs that are there are not sent again. */
export async function pushImageTar(tarPath: string, options: PushOptions): Promise<{ readonly digest: string }> {
  const files = await readTar(tarPath);
  const json = (name: string) => JSON.parse(fileOf(files, name).toString()) as never;
  const index: { manifests: Descriptor[] } = json('index.json');
  const top = index.manifests[0];
  if (top === undefined) throw new Error(`${tarPath} holds no image`);
  const manifest: { config: Descriptor; layers: Descriptor[] } = json(blobPath(top.digest));
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    await pushBlob(digest, fileOf(files, blobPath(digest)), options);
  }
  const url = `${options.registry}/v2/${options.repository}/manifests/${options.tag}`;
  const headers = { ...authHeaders(options), 'content-type': top.mediaType };
  await expectStatus(
    await fetch(url, { method: 'PUT', headers, body: body(fileOf(files, blobPath(top.digest))) }),
    201,
  );
  return { digest: top.digest };
}

async function pushBlob(digest: string, bytes: Buffer, options: PushOptions): Promise<void> {
  const base = `${options.registry}/v2/${options.repository}/blobs`;
  const headers = authHeaders(options);
  const head = await fetch(`${base}/${digest}`, { method: 'HEAD', headers });
  if (head.status === 200) return;
  const started = await fetch(`${base}/uploads/`, { method: 'POST', headers });
  await expectStatus(started, 202);
  const location = new URL(started.headers.get('location') ?? '', `${options.registry}/`);
  location.searchParams.set('digest', digest);
  const put = { method: 'PUT', headers: { ...headers, 'content-type': 'application/octet-stream' }, body: body(bytes) };
  await expectStatus(await fetch(location, put), 201);
}

const body = (bytes: Buffer) => new Uint8Array(bytes);
const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`;

function authHeaders({ username, password }: PushOptions): Record<string, string> {
  if (username === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` };
}

async function expectStatus(response: Response, status: number): Promise<void> {
  const text = await response.text();
  if (response.status === status) return;
  throw new Error(`the registry answered ${response.status} instead of ${status}: ${text.trim().slice(0, 300)}`);
}

function fileOf(files: ReadonlyMap<string, Buffer>, name: string): Buffer {
  const found = files.get(name);
  if (found === undefined) throw new Error(`the image tar lacks ${name}`);
  return found;
}

async function readTar(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const reader = extract();
  createReadStream(path).pipe(reader as unknown as NodeJS.WritableStream);
  for await (const entry of reader as unknown as AsyncIterable<Readable & { header: { name: string } }>) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.set(entry.header.name, Buffer.concat(chunks));
  }
  return files;
}
