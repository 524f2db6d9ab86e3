/** @kapella/dns/node: sockets for the cluster's DNS. */
export * from './run-dns.ts';
export * from './server.ts';
export * from './upstream.ts';
