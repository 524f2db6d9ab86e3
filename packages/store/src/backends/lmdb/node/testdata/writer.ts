/** Writes to an LMDB store with 8 writers at once and prints each key once it is acknowledged. Killed by its test. */
import { writeSync } from 'node:fs';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createLmdbStore } from '../lmdb.backend.ts';

const [directory = '', round = '0'] = process.argv.slice(2);
const ctx = hostCtx(new AbortController().signal, silentLogger);
const store = createLmdbStore(directory);
const value = new TextEncoder().encode('x'.repeat(500));

async function writer(id: number): Promise<never> {
  for (let i = 0; ; i++) {
    const key = `/k/${round}/${id}-${i}`;
    const result = await store.commit({ key, value, expectedRevision: 0 }, ctx);
    if (result.ok) writeSync(1, `${key}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, (_, id) => writer(id)));
