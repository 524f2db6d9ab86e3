/** What Flux's source-controller would do: artifacts over HTTP, and GitRepository objects whose status tells of them. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Kubectl, succeed } from '../support/commands.ts';

export interface Artifacts extends AsyncDisposable {
  /** Makes the objects the content of a repository at a new revision; the repository is made when there is none. */
  publish(repository: string, ...objects: readonly object[]): Promise<void>;
}

export async function serveArtifacts(kubectl: Kubectl, directory: string): Promise<Artifacts> {
  const files = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const bytes = files.get(request.url ?? '');
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  let revisions = 0;
  return {
    async publish(repository, ...objects) {
      const bytes = await archive(directory, objects);
      const revision = `main@sha1:${String(++revisions).padStart(40, '0')}`;
      const path = `/${repository}/${revisions}.tar.gz`;
      files.set(path, bytes);
      await kubectl.apply(gitRepository(repository));
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      const url = `http://127.0.0.1:${port}${path}`;
      const lastUpdateTime = new Date().toISOString().replace(/\.\d+Z/, 'Z');
      const artifact = { digest, lastUpdateTime, path: path.slice(1), revision, size: bytes.length, url };
      const ready = { type: 'Ready', status: 'True', reason: 'Succeeded', message: `stored ${revision}` };
      const conditions = [{ ...ready, lastTransitionTime: lastUpdateTime, observedGeneration: 1 }];
      const patch = JSON.stringify({ status: { artifact, conditions, observedGeneration: 1 } });
      await kubectl(`patch gitrepository ${repository} -n flux-system --subresource status --type merge -p '${patch}'`);
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function archive(directory: string, objects: readonly object[]): Promise<Buffer> {
  const folder = mkdtempSync(join(directory, 'artifact-'));
  const content = join(folder, 'content');
  mkdirSync(content);
  for (const [i, object] of objects.entries()) writeFileSync(join(content, `${i}.yaml`), JSON.stringify(object));
  await succeed('tar', ['-czf', join(folder, 'artifact.tar.gz'), '-C', content, '.']);
  return readFileSync(join(folder, 'artifact.tar.gz'));
}

const gitRepository = (name: string) => ({
  apiVersion: 'source.toolkit.fluxcd.io/v1',
  kind: 'GitRepository',
  metadata: { name, namespace: 'flux-system' },
  spec: { interval: '10m', url: 'https://git.example.com/repository' },
});
