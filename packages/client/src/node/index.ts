/** @kapella/client/node: what of the client needs the host: sockets and files. */
export { createHttpsTransport, type HttpsTransportOptions } from '../transports/https/node/https-transport.ts';
export { type LoadedKubeconfig, loadKubeconfig, parseKubeconfig } from './kubeconfig.ts';
