import { describe, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { storeConformance } from '../../conformance.ts';
import { createMemoryStore } from './memory.backend.ts';

describe('memory store', () => {
  for (const { name, run } of storeConformance) {
    test(name, async () => {
      const ctx = hostCtx(new AbortController().signal, silentLogger);
      const store = createMemoryStore();
      await run(store, ctx);
      await store.close();
    });
  }
});
