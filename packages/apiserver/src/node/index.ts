/** The parts of the API server that need the host: HTTPS, dialing kubelets, signing tokens. */
export { createConnectDialer, type KubeletCredentials } from './dialer.ts';
export { type HttpsServerOptions, type RunningHttpsServer, startHttpsServer } from './https-server.ts';
export { createTokenIssuer, type ServiceAccountTokens, type TokenIssuerOptions } from './token-issuer.ts';
