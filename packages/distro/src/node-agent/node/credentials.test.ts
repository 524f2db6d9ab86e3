/** Certificates of a node agent are renewed in good time while it runs, and used from then on. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { createMetricsRegistry, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { createAuthority, issueLeaf } from '@kapella/control-plane/node';
import { addCertificateMetrics, keepRenewed, livePair, renewAtMs } from './credentials.ts';

const DAY_MS = 86_400_000;

/** Real keys take real time: the virtual clock stands still until they are made. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await setImmediate();
}

test('near its end a certificate is replaced; a signer that fails is asked again, and later again', async () => {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const random = { float: () => 0.5, bytes: (n: number) => new Uint8Array(n), uuid: () => '' };
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random };
  const startMs = clock.nowMs();
  const authority = await createAuthority('test-ca', startMs);
  const issue = () => issueLeaf(authority, { commonName: 'system:node:a', usage: 'server' }, clock.nowMs());
  const pair = livePair(await issue());
  const lifeMs = new X509Certificate(pair.current().cert).validToDate.getTime() - startMs;
  const dueMs = renewAtMs(pair.current().cert, 0.5);
  assert.ok(Math.abs((dueMs - startMs) / lifeMs - 0.8) < 0.01);

  const serials: string[] = [];
  pair.onChange(({ cert }) => void serials.push(new X509Certificate(cert).serialNumber));
  const askedMs: number[] = [];
  const renew = async () => {
    askedMs.push(clock.nowMs() - dueMs);
    if (askedMs.length <= 2) throw new Error('the signer is away');
    return await issue();
  };
  const registry = createMetricsRegistry();
  addCertificateMetrics(registry, { client: pair, serving: pair }, clock);
  const ttl = () => Number(/^kubelet_certificate_manager_server_ttl_seconds (\S+)/m.exec(registry.text())?.[1]);
  const firstTtl = ttl();
  const done = keepRenewed('serving', pair, renew, ctx);
  await clock.advance(dueMs - startMs - DAY_MS);
  assert.deepEqual(askedMs, []);
  assert.ok(ttl() < firstTtl);
  await clock.advance(DAY_MS + 40_000);
  await until(() => serials.length === 1);
  assert.deepEqual(askedMs, [0, 10_000, 30_000]);
  assert.ok(ttl() > firstTtl - 60);
  stop.abort(new Error('enough'));
  await clock.advance(DAY_MS);
  await done;
});
