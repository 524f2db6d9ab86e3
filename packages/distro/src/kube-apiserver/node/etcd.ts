/**
 * What stands for etcd where kube-apiserver is Kapella: it answers whoever asks after its health, and tells the server
 * beside it where its data is to be. The data itself is kept by that server: there is nothing that two processes share.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';

/** The path that a real etcd does not have. */
export const STAND_IN_PATH = '/kapella';
const CLIENT_URL_DEFAULT = 'http://localhost:2379';
/** Every version that clients ask for by name. */
const VERSION = { etcdserver: '3.6.0', etcdcluster: '3.6.0' };

/** envtest reads in it which flags there are. */
const HELP = `What stands for etcd beside Kapella's kube-apiserver: it holds no data of its own.

Usage:
  etcd --data-dir ./etcd --listen-client-urls http://127.0.0.1:2379

Flags:
  --data-dir
        where the server beside it keeps its data
  --listen-client-urls
        where it answers /health
  --version
        print the version

Every other flag of etcd is taken without effect.
`;

/** Runs until `ctx` aborts. Takes every flag of etcd's: only the data directory and the client URLs count. */
export async function runEtcd(words: readonly string[], ctx: Ctx): Promise<number> {
  if (words.includes('--version') || words.includes('-version')) {
    process.stdout.write(`etcd Version: ${VERSION.etcdserver} (Kapella)\n`);
    return 0;
  }
  if (words.includes('--help') || words.includes('-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  const dataDir = resolve(flag(words, 'data-dir') ?? 'default.etcd');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const urls = (flag(words, 'listen-client-urls') ?? CLIENT_URL_DEFAULT).split(',').map((url) => new URL(url));
  const servers = await Promise.all(urls.map((url) => listen(url, dataDir)));
  await new Promise<void>((done) => {
    if (ctx.signal.aborted) done();
    ctx.signal.addEventListener('abort', () => done(), { once: true });
  });
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  return 0;
}

function flag(words: readonly string[], name: string): string | undefined {
  for (const [i, word] of words.entries()) {
    if (word === `--${name}` || word === `-${name}`) return words[i + 1];
    for (const dashes of ['--', '-'])
      if (word.startsWith(`${dashes}${name}=`)) return word.slice(`${dashes}${name}=`.length);
  }
  return undefined;
}

function listen(url: URL, dataDir: string): Promise<ReturnType<typeof createServer>> {
  if (url.protocol !== 'http:')
    throw new CliError('Usage', `--listen-client-urls ${url}: only http`, 'Give an http:// URL.');
  const answers = new Map<string, object>([
    ['/health', { health: 'true', reason: '' }],
    ['/readyz', {}],
    ['/livez', {}],
    ['/version', VERSION],
    [STAND_IN_PATH, { dataDir }],
  ]);
  const server = createServer((request, response) => {
    const answer = answers.get((request.url ?? '').split('?')[0] ?? '');
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error: 'Not Found' }));
  });
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? `${url.host} is in use` : error.message;
      fail(new CliError('Host', `etcd cannot listen: ${why}`, 'Give other --listen-client-urls.', error));
    });
    server.listen(Number(url.port), url.hostname.replace(/^\[|\]$/g, ''), () => done(server));
  });
}
