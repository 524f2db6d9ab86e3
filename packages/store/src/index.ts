/** @kapella/store: bytes and revisions behind one contract, and the watch cache that serves them. */
export { createSplicer } from './cache/splice.ts';
export { createMemoryStore, type MemorySnapshot, type MemoryStore } from './backends/memory/memory.backend.ts';
export { createWatchCache } from './cache/watch-cache.ts';
export * from './cached.ts';
export * from './contract.ts';
export { createMvccStore } from './mvcc/mvcc-store.ts';
export { type ChangeRecord, headOf, type Persistence, type RecordHead } from './mvcc/record.ts';
export { UnreadableError } from './encryption/encrypted-store.ts';
