/** What the certificate controllers need of X.509, given from outside. Source: pkg/apis/certificates/helpers.go, …/certificates/signer. */

/** What a certificate request says. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
}

export interface SigningRequest {
  /** `spec.request` as it is in the object: base64 of PEM. */
  readonly request: string;
  readonly usages: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface X509 {
  /** Throws an Error for what is no request in PEM of type CERTIFICATE REQUEST. `request`: base64 of PEM. */
  parseRequest(request: string): CertificateRequest | Promise<CertificateRequest>;
  /** End of validity of the first certificate; undefined for what is none. `certificate`: base64 of PEM. */
  notAfterMs(certificate: string): number | undefined;
}

export interface CertificateSigner {
  /** By the cluster's CA; ends with the CA's own validity at the latest. Answers base64 of PEM. */
  sign(request: SigningRequest): Promise<string>;
}

const NODE_PREFIX = 'system:node:';

/** What keeps the request from being one of a node agent for its client certificate; undefined when it is one. */
export function faultOfKubeletClient(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!request.commonName.startsWith(NODE_PREFIX)) return 'subject common name does not begin with system:node:';
  return faultOfUsages(usages, 'client auth');
}

/** The same for its serving certificate. */
export function faultOfKubeletServing(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length === 0 && request.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  const fault = faultOfUsages(usages, 'server auth');
  if (fault !== undefined) return fault;
  return request.commonName.startsWith(NODE_PREFIX)
    ? undefined
    : 'subject common name does not begin with system:node:';
}

/** The same for any client of the API server. */
export function faultOfClient(usages: readonly string[]): string | undefined {
  const allowed = ['digital signature', 'key encipherment', 'client auth'];
  const bad = usages.find((usage) => !allowed.includes(usage));
  if (bad !== undefined) return `invalid usage for client certificate: ${bad}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

const isOfNodes = ({ organizations }: CertificateRequest) =>
  organizations.length === 1 && organizations[0] === 'system:nodes';

function faultOfUsages(usages: readonly string[], main: string): string | undefined {
  // Keys that are not RSA encipher nothing.
  const wanted = [main, 'digital signature', 'key encipherment'].sort();
  const given = new Set(usages);
  const rest = wanted.filter((usage) => usage !== 'key encipherment');
  const isAll = (list: readonly string[]) => list.length === given.size && list.every((usage) => given.has(usage));
  return isAll(wanted) || isAll(rest) ? undefined : `usages did not match [${wanted.join(' ')}]`;
}
