/** @kapella/store: bytes and revisions behind one contract. */
export * from './contract.ts';
