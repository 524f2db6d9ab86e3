/** etcd with TLS, with users, out of reach, being defragmented, out of space and back. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createAuthority, issueLeaf } from '@kapella/control-plane/node';
import type { Store } from '@kapella/store';
import { type EtcdOptions, storeBackends } from '@kapella/store/node';
import { eventually, run } from '../../support/cluster.ts';
import { type EtcdMember, ensureEtcd, ensureEtcdctl, freePorts, startEtcd } from '../../support/etcd.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const bytes = (text: string) => new TextEncoder().encode(text);
const directory = mkdtempSync(join(tmpdir(), 'kapella-etcd-tls-'));
after(() => rmSync(directory, { recursive: true }));

async function open(options: EtcdOptions): Promise<Store> {
  const etcd = storeBackends.find(({ name }) => name === 'etcd')!;
  return etcd.open({ directory: '', etcd: options }, ctx);
}

async function writesAndReads(store: Store): Promise<void> {
  const key = `/registry/tls/${Math.random()}`;
  let seen = 0;
  const cancel = store.watch('/registry/tls/', 0, {
    events: (events) => {
      seen += events.length;
    },
    progress() {},
    closed() {},
  });
  const made = await store.commit({ key, value: bytes('v'), expectedRevision: 0 }, ctx);
  assert.ok(made.ok);
  assert.equal((await store.get(key, ctx))?.modRevision, made.revision);
  await eventually('the watch is told', async () => seen > 0, 10_000);
  cancel();
}

async function etcdctl(member: EtcdMember, ...args: readonly string[]): Promise<string> {
  const env = { ETCDCTL_API: '3' };
  const { code, stdout, stderr } = await run(await ensureEtcdctl(), ['--endpoints', member.url, ...args], { env });
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

test('TLS: the server is checked by its CA, the client shows its certificate', async () => {
  const nowMs = Date.now();
  const ca = await createAuthority('etcd-ca', nowMs);
  const stranger = await createAuthority('another-ca', nowMs);
  const server = await issueLeaf(ca, { commonName: 'etcd', usage: 'server', ipAddresses: ['127.0.0.1'] }, nowMs);
  const client = await issueLeaf(ca, { commonName: 'apiserver', usage: 'client' }, nowMs);
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const args = [
    ...['--cert-file', file('server.crt', server.cert), '--key-file', file('server.key', server.key)],
    ...['--client-cert-auth', '--trusted-ca-file', file('ca.crt', ca.cert)],
  ];
  await using etcd = await startEtcd(await ensureEtcd(), { scheme: 'https', args });
  const store = await open({ endpoints: [etcd.url], tls: { ca: ca.cert, certificate: client.cert, key: client.key } });
  await writesAndReads(store);
  await store.close();

  const quick = { ...ctx, clock: hurried(ctx.clock) };
  const backend = storeBackends.find(({ name }) => name === 'etcd')!;
  const wrong = { endpoints: [etcd.url], tls: { ca: stranger.cert, certificate: client.cert, key: client.key } };
  await assert.rejects(backend.open({ directory: '', etcd: wrong }, quick), /no etcd endpoint answers .*certificate/);
});

/** A clock on which the time for retries passes at once. */
function hurried(clock: typeof ctx.clock): typeof ctx.clock {
  let offset = 0;
  const monotonicMs = () => {
    offset += 10_000;
    return clock.monotonicMs() + offset;
  };
  return { ...clock, monotonicMs };
}

test('users: a login, a new one when the token is gone, and words for a wrong password and for none', async () => {
  await using etcd = await startEtcd(await ensureEtcd(), { args: ['--auth-token-ttl', '1'] });
  await etcdctl(etcd, 'user', 'add', 'root:rootpw');
  await etcdctl(etcd, 'user', 'grant-role', 'root', 'root');
  await etcdctl(etcd, 'user', 'add', 'kapella:secret');
  await etcdctl(etcd, 'role', 'add', 'kapella');
  await etcdctl(etcd, 'role', 'grant-permission', 'kapella', '--prefix=true', 'readwrite', '');
  await etcdctl(etcd, 'user', 'grant-role', 'kapella', 'kapella');
  await etcdctl(etcd, 'auth', 'enable');
  const auth = { user: 'kapella', password: 'secret' };
  const store = await open({ endpoints: [etcd.url], auth });
  await writesAndReads(store);
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // tokens that nobody used for a second are forgotten
  await writesAndReads(store);
  // Users change: tokens of before are of an old revision.
  await etcdctl(etcd, '--user', 'root:rootpw', 'user', 'add', 'another:pw');
  await writesAndReads(store);
  await store.close();
  await assert.rejects(
    open({ endpoints: [etcd.url], auth: { ...auth, password: 'wrong' } }),
    /invalid user ID or password: give the etcd user/,
  );
  await assert.rejects(open({ endpoints: [etcd.url] }), /user name is empty: .*--etcd-user and --etcd-password-file/);
});

test('an endpoint that is away is passed over, at the start and later', async () => {
  const [port] = await freePorts(1);
  await using etcd = await startEtcd(await ensureEtcd());
  const store = await open({ endpoints: [`http://127.0.0.1:${port}`, etcd.url] });
  await writesAndReads(store);
  await store.close();
});

test('a single etcd that is killed and started again: writes wait for it, the watch goes on', async () => {
  await using etcd = await startEtcd(await ensureEtcd());
  const store = await open({ endpoints: [etcd.url] });
  await writesAndReads(store);
  await etcd.kill('SIGKILL');
  const writing = writesAndReads(store);
  await etcd.start();
  await writing;
  await store.close();
});

test('defragmentation is harmless; space that was made is used when the alarm is cleared', async () => {
  await using etcd = await startEtcd(await ensureEtcd(), { args: ['--quota-backend-bytes', String(4 << 20)] });
  const store = await open({ endpoints: [etcd.url] });
  const value = bytes('x'.repeat(400_000));
  let revision = 0;
  const fill = async () => {
    for (let i = 0; i < 40; i++) {
      const result = await store.commit({ key: '/registry/d/a', value, expectedRevision: revision }, ctx);
      assert.ok(result.ok);
      revision = result.revision;
    }
  };
  await assert.rejects(fill(), /database space exceeded/);
  // Reads go on. etcd may have applied the very write that it answered with "no space" (its quota is judged once more while applying).
  const stored = (await store.get('/registry/d/a', ctx))!.modRevision;
  assert.ok(stored === revision || stored === revision + 1, `${stored} was written, ${revision} acknowledged`);
  revision = stored;
  await store.compact(await store.currentRevision(ctx), ctx).catch(() => etcdctl(etcd, 'compact', String(revision)));
  await etcdctl(etcd, 'defrag');
  await etcdctl(etcd, 'alarm', 'disarm');
  const again = await store.commit({ key: '/registry/d/a', value, expectedRevision: revision }, ctx);
  assert.ok(again.ok);
  await writesAndReads(store);
  await store.close();
});
