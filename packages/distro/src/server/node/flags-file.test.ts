/** The flags of `kapella server` in its data directory. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { guardsOf, readFlagsFile } from './flags-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'kapella-guards-'));
const path = join(directory, 'kube-apiserver.flags');
const ctx = hostCtx(new AbortController().signal, silentLogger);
after(() => rmSync(directory, { recursive: true }));

test('without the file upstream defaults hold', async () => {
  const { limits, audit, shutdown } = await guardsOf(directory, ctx);
  assert.equal(limits?.priorityAndFairness, true);
  assert.equal(limits?.requestMsMax, 60_000);
  assert.equal(audit, undefined);
  assert.deepEqual(shutdown, { delayMs: 0, sendRetryAfter: false });
});

test('one flag a line; what it does not take is told', async () => {
  writeFileSync(path, '# limits\n--request-timeout=30s\n\n--max-requests-inflight=50\n');
  const { limits } = await guardsOf(directory, ctx);
  assert.deepEqual([limits?.requestMsMax, limits?.readsMax], [30_000, 50]);
  writeFileSync(path, '--secure-port=1\n');
  assert.throws(() => readFlagsFile(path), { message: `${path}: --secure-port cannot be set here` });
  writeFileSync(path, '--event-ttl\n');
  assert.throws(() => readFlagsFile(path), { message: 'flag needs an argument: --event-ttl' });
  writeFileSync(path, 'event-ttl=1h\n');
  assert.throws(() => readFlagsFile(path), { message: `${path}: "event-ttl=1h" is no flag` });
});
