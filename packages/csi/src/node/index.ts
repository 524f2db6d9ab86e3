/** CSI over gRPC on unix sockets: clients for who calls drivers, a server for who is one. */
export * from './grpc.ts';
export { createNodeService } from './node-client.ts';
export { type CsiHandlers, type CsiServer, serveCsi } from './serve.ts';
