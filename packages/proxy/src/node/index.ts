/** @kapella/proxy/node: what needs a Linux host. */
export * from '../backends/nftables/node/nftables.backend.ts';
