/** @kapella/store: bytes and revisions behind one contract. */
export * from './cached.ts';
export * from './contract.ts';
