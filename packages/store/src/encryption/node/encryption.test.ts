/** Values at rest: what lies in the store, who can read it, rotation, and a KMS v2 plugin that comes, goes and rotates. */
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, describe, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type Ctx, createVirtualClock, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createMemoryStore } from '../../backends/memory/memory.backend.ts';
import { storeConformance } from '../../conformance.ts';
import type { Store, StoreEvent } from '../../contract.ts';
import { createEncryption } from './encryption.ts';
import { KmsProvider } from './kms-provider.ts';
import type { KmsService } from './kms-service.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const KEY = '/registry/secrets/default/a';
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | undefined) => new TextDecoder('latin1').decode(value);
const secretOf = (letter: string) => btoa(letter.repeat(32));

function configuration(...providers: readonly object[]): string {
  const resources = [{ resources: ['secrets'], providers }];
  return JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources });
}
const provider = (kind: string, ...names: readonly string[]) => ({
  [kind]: { keys: names.map((name) => ({ name, secret: secretOf(name) })) },
});

async function secretsIn(inner: Store, text: string, using: Ctx = ctx): Promise<Store> {
  return (await createEncryption(text, {}, using)).storeFor(inner, '', 'secrets');
}

async function put(store: Store, value: string, expectedRevision = 0): Promise<number> {
  const result = await store.commit({ key: KEY, value: bytes(value), expectedRevision }, ctx);
  assert.ok(result.ok);
  return result.revision;
}

/** Written by upstream's transformers (k8s.io/apiserver 0.36.3) with the key below; the KMS plugin flips bits. */
const UPSTREAM: readonly (readonly [string, string])[] = [
  [
    'k8s:enc:aesgcm:v1:key1:',
    [
      '6b38733a656e633a61657367636d3a76313a6b6579313a71220dc1fcbecdd910d06a7548db7f7d09eeacb8ecdc7aad3ca800',
      '88bdfaffc7cc4d8d5af1852e4d18f082d725',
    ].join(''),
  ],
  [
    'k8s:enc:aescbc:v1:key1:',
    [
      '6b38733a656e633a6165736362633a76313a6b6579313a11e2810f102d9a8af64d58ba9f7c0de89d6633bb2af4df44ce25fb',
      '58c621fb51e4c8971114f72cd18b6019e37c9388ab',
    ].join(''),
  ],
  [
    'k8s:enc:secretbox:v1:key1:',
    [
      '6b38733a656e633a736563726574626f783a76313a6b6579313a80f94cdc34ec8e49ad9b38d3519136a42a4b8bc0995368bd',
      '633934c43a490f1467c1b03d3a3308c8e2331a58d9d719507691c770e05da61ec2',
    ].join(''),
  ],
  [
    'k8s:enc:kms:v2:fake:',
    [
      '6b38733a656e633a6b6d733a76323a66616b653a0a4d708983324dedbbd92b6ac9e084549d611e85bbbe9bfb6336b9fd2163',
      '510fd80230963e86839ca7855fc75b336e21b4e41d18e09ba7f1971fdd16e95c5e44dfed80c2aafc2ba97e0d2094c0349612',
      '056b65792d311a20f86cbd53a278a53307973942cdfe66597490c15d12757cb058c65b3eb53d8ff422120a0d612e6578616d',
      '706c652e636f6d1201782801',
    ].join(''),
  ],
];

test('what upstream wrote is read', async () => {
  const secret = btoa('0123456789abcdef0123456789abcdef');
  const kinds = ['aesgcm', 'aescbc', 'secretbox'].map((kind) => ({ [kind]: { keys: [{ name: 'key1', secret }] } }));
  const context = bytes(KEY);
  const flip = { decrypt: async ({ ciphertext }: { ciphertext: Uint8Array }) => ciphertext.map((byte) => byte ^ 0x5a) };
  for (const [prefix, hex] of UPSTREAM) {
    const value = new Uint8Array(Buffer.from(hex, 'hex'));
    if (prefix.includes('kms')) {
      const provider = new KmsProvider('fake', flip as unknown as KmsService, ctx);
      assert.equal(textOf(await provider.read(value.subarray(prefix.length), context)), '{"kind":"Secret"}');
      continue;
    }
    const inner = createMemoryStore();
    await inner.commit({ key: KEY, value, expectedRevision: 0 }, ctx);
    const reading = await secretsIn(inner, configuration(...kinds));
    assert.equal(textOf((await reading.get(KEY, ctx))?.value), '{"kind":"Secret"}', prefix);
  }
});

describe('encryption at rest', () => {
  for (const kind of ['aesgcm', 'aescbc', 'secretbox']) {
    test(`${kind}: the store holds upstream's prefix and not the text; who has the key reads it`, async () => {
      const inner = createMemoryStore();
      const store = await secretsIn(inner, configuration(provider(kind, 'a')));
      await put(store, 'top secret');
      const stored = textOf((await inner.get(KEY, ctx))?.value);
      assert.ok(stored.startsWith(`k8s:enc:${kind}:v1:a:`), stored.slice(0, 40));
      assert.ok(!stored.includes('top secret'));
      assert.equal(textOf((await store.get(KEY, ctx))?.value), 'top secret');
    });
  }

  test('the store under encryption passes the conformance of stores', async () => {
    for (const { run } of storeConformance) {
      const all = { resources: ['*.*'], providers: [provider('aesgcm', 'a')] };
      const text = JSON.stringify({
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'EncryptionConfiguration',
        resources: [all],
      });
      await run(await secretsIn(createMemoryStore(), text), ctx);
    }
  });

  test('rotation: the first provider writes, all read; what an older key wrote asks to be rewritten', async () => {
    const inner = createMemoryStore();
    const before = await secretsIn(inner, configuration({ identity: {} }));
    let revision = await put(before, 'v1');
    const steps = [
      [configuration(provider('aescbc', 'a'), { identity: {} }), 'k8s:enc:aescbc:v1:a:'],
      [configuration(provider('secretbox', 'b'), provider('aescbc', 'a')), 'k8s:enc:secretbox:v1:b:'],
      [configuration(provider('secretbox', 'c', 'b')), 'k8s:enc:secretbox:v1:c:'],
    ] as const;
    for (const [text, prefix] of steps) {
      const store = await secretsIn(inner, text);
      const found = await store.get(KEY, ctx);
      assert.equal(textOf(found?.value), 'v1');
      assert.equal(await store.needsRewrite?.(KEY, ctx), true);
      revision = await put(store, 'v1', revision);
      assert.equal(await store.needsRewrite?.(KEY, ctx), false);
      assert.ok(textOf((await inner.get(KEY, ctx))?.value).startsWith(prefix));
    }
  });

  test('without the right key the error says of which object, and why', async () => {
    const inner = createMemoryStore();
    await put(await secretsIn(inner, configuration(provider('aesgcm', 'a'))), 'v');
    const cases: readonly (readonly [string, RegExp])[] = [
      [configuration(provider('aesgcm', 'b')), /no matching key was found for the provided AES transformer/],
      [configuration(provider('secretbox', 'a')), /no matching prefix found/],
      [configuration({ identity: {} }), /no matching prefix found/],
      [
        configuration({ aesgcm: { keys: [{ name: 'a', secret: secretOf('z') }] } }),
        /cipher: message authentication failed/,
      ],
    ];
    for (const [text, why] of cases) {
      const store = await secretsIn(inner, text);
      const expected = new RegExp(`^unable to transform key "${KEY}": .*${why.source}`);
      await assert.rejects(store.get(KEY, ctx), { message: expected });
      await assert.rejects(store.list('/registry/secrets/', {}, ctx), { message: expected });
    }
  });

  test('AES-GCM is bound to the key: a value moved under another name is refused', async () => {
    const inner = createMemoryStore();
    const store = await secretsIn(inner, configuration(provider('aesgcm', 'a')));
    await put(store, 'v');
    const value = (await inner.get(KEY, ctx))?.value;
    await inner.commit({ key: '/registry/secrets/default/b', value, expectedRevision: 0 }, ctx);
    await assert.rejects(store.get('/registry/secrets/default/b', ctx), /message authentication failed/);
  });

  test('other resources pass untouched, unless somebody encrypted them', async () => {
    const inner = createMemoryStore();
    const encryption = await createEncryption(configuration(provider('aesgcm', 'a')), {}, ctx);
    const maps = encryption.storeFor(inner, '', 'configmaps');
    await maps.commit({ key: '/registry/configmaps/default/a', value: bytes('plain'), expectedRevision: 0 }, ctx);
    assert.equal(textOf((await inner.get('/registry/configmaps/default/a', ctx))?.value), 'plain');
    const disguised = {
      key: '/registry/configmaps/default/b',
      value: bytes('k8s:enc:aesgcm:v1:a:x'),
      expectedRevision: 0,
    };
    await inner.commit(disguised, ctx);
    await assert.rejects(
      maps.get('/registry/configmaps/default/b', ctx),
      /identity transformer tried to read encrypted data/,
    );
  });

  test('a configuration is replaced while the store is used; a broken one changes nothing', async () => {
    const inner = createMemoryStore();
    const encryption = await createEncryption(configuration(provider('aesgcm', 'a')), {}, ctx);
    const store = encryption.storeFor(inner, '', 'secrets');
    const revision = await put(store, 'v');
    await assert.rejects(encryption.reload('resources: 7'), /EncryptionConfiguration/);
    await encryption.reload(configuration(provider('secretbox', 'b'), provider('aesgcm', 'a')));
    assert.equal(textOf((await store.get(KEY, ctx))?.value), 'v');
    await put(store, 'w', revision);
    assert.ok(textOf((await inner.get(KEY, ctx))?.value).startsWith('k8s:enc:secretbox:v1:b:'));
    encryption.close();
  });
});

/** A KMS v2 plugin whose keys live in this process. */
async function startPlugin(socket: string) {
  const keys = new Map([['key-1', randomBytes(32)]]);
  const plugin = { keyId: 'key-1', healthz: 'ok', encrypts: 0, decrypts: 0 };
  const definition = loadSync(fileURLToPath(new URL('kms.proto', import.meta.url)), { bytes: Buffer, defaults: true });
  const loaded = grpc.loadPackageDefinition(definition)['v2'] as unknown as Record<
    string,
    grpc.ServiceClientConstructor
  >;
  const server = new grpc.Server();
  server.addService(loaded['KeyManagementService']!.service, {
    Status: (_: unknown, done: (e: null, v: object) => void) =>
      done(null, { version: 'v2', healthz: plugin.healthz, keyId: plugin.keyId }),
    Encrypt({ request }: { request: { plaintext: Buffer } }, done: (e: null, v: object) => void) {
      plugin.encrypts++;
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', keys.get(plugin.keyId)!, nonce);
      const ciphertext = Buffer.concat([nonce, cipher.update(request.plaintext), cipher.final(), cipher.getAuthTag()]);
      done(null, { ciphertext, keyId: plugin.keyId, annotations: { 'note.example.com': Buffer.from('n') } });
    },
    Decrypt(
      { request }: { request: { ciphertext: Buffer; keyId: string } },
      done: (e: Error | null, v?: object) => void,
    ) {
      plugin.decrypts++;
      const key = keys.get(request.keyId);
      if (key === undefined) return done(new Error(`no key ${request.keyId}`));
      const decipher = createDecipheriv('aes-256-gcm', key, request.ciphertext.subarray(0, 12));
      decipher.setAuthTag(request.ciphertext.subarray(-16));
      done(null, {
        plaintext: Buffer.concat([decipher.update(request.ciphertext.subarray(12, -16)), decipher.final()]),
      });
    },
  });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return Object.assign(plugin, {
    rotate(keyId: string) {
      keys.set(keyId, randomBytes(32));
      plugin.keyId = keyId;
    },
    stop: () => server.forceShutdown(),
  });
}

describe('KMS v2', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kapella-kms-'));
  after(() => rmSync(directory, { recursive: true }));
  const socket = join(directory, 'kms.sock');
  const text = configuration({ kms: { apiVersion: 'v2', name: 'vault', endpoint: `unix://${socket}` } });

  test('one question for a seed, none per value; rotation; a plugin that is away; another server', async () => {
    const clock = createVirtualClock();
    const timed = { ...ctx, clock };
    const plugin = await startPlugin(socket);
    const inner = createMemoryStore();
    const encryption = await createEncryption(text, {}, timed);
    const store = encryption.storeFor(inner, '', 'secrets');
    let revision = await put(store, 'v0');
    for (let i = 1; i <= 20; i++) revision = await put(store, `v${i}`, revision);
    assert.deepEqual([plugin.encrypts, plugin.decrypts], [1, 0]);
    assert.ok(textOf((await inner.get(KEY, ctx))?.value).startsWith('k8s:enc:kms:v2:vault:'));

    const other = await secretsIn(inner, text, timed);
    const seen: StoreEvent[] = [];
    const progress: number[] = [];
    other.watch('/registry/secrets/', 1, {
      events: (events) => seen.push(...events),
      progress: (to) => progress.push(to),
      closed: (error) => assert.equal(error, undefined),
    });
    revision = await put(store, 'last', revision);
    while (seen.length < 22) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      seen.map(({ value }) => textOf(value)).slice(-2),
      ['v20', 'last'],
      'in order, though the first had to be asked for',
    );
    assert.equal(plugin.decrypts, 1);

    plugin.rotate('key-2');
    await clock.advance(60_000);
    while (plugin.encrypts < 3) await new Promise((resolve) => setImmediate(resolve));
    while (!(await store.needsRewrite?.(KEY, ctx))) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(textOf((await store.get(KEY, ctx))?.value), 'last', 'old values are read with the old key');

    plugin.stop();
    await put(store, 'coasting', revision);
    await clock.advance(181_000);
    await assert.rejects(
      store.commit({ key: KEY, value: bytes('x'), expectedRevision: 1 }, ctx),
      /expired at .*current time is/,
    );
    assert.equal(textOf((await store.get(KEY, ctx))?.value), 'coasting', 'reads go on');
    encryption.close();
  });

  test('a plugin that is not there: the server starts, writes say why they cannot be done', async () => {
    const away = configuration({
      kms: { apiVersion: 'v2', name: 'away', endpoint: `unix://${join(directory, 'none.sock')}`, timeout: '100ms' },
    });
    const encryption = await createEncryption(away, {}, ctx);
    const store = encryption.storeFor(createMemoryStore(), '', 'secrets');
    await assert.rejects(put(store, 'x'), /unable to encrypt: the KMS plugin away has given no key yet/);
    assert.equal(encryption.kmsProblems().length, 1);
    assert.ok(encryption.kmsProblems()[0] instanceof Error);
    encryption.close();
  });
});
