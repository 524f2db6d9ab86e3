/** @kapella/apiserver/node: the server on a real port. */
export { createHttpCaller } from './http-caller.ts';
export { createConnectDialer, type KubeletCredentials } from './dialer.ts';
export { type HttpsServerOptions, type RunningHttpsServer, startHttpsServer } from './https-server.ts';
export type { IssueRequest, ServiceAccountTokens } from '../auth/service-account-tokens.ts';
export { createTokenIssuer, type TokenIssuerOptions } from './token-issuer.ts';
export { daysToMs, MEGABYTE, openRotatingFile, type RotationOptions, standardOutputFile } from './rotating-file.ts';
