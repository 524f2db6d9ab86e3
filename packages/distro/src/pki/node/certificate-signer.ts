/** Reads and signs certificate requests with the cluster's CA, for the certificate controllers. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { CertificateFacts } from '@kapella/controllers';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { importSigningKey, type KeyPairPem, serialNumber, SIGNING_ALGORITHM } from '@kapella/control-plane/node';

/** The signers whose certificates the cluster's CA vouches for. */
const SIGNER_NAMES = [
  'kubernetes.io/kube-apiserver-client-kubelet',
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/kube-apiserver-client',
  'kubernetes.io/legacy-unknown',
];

const KEY_USAGES: ReadonlyMap<string, number> = new Map([
  ['digital signature', KeyUsageFlags.digitalSignature],
  ['signing', KeyUsageFlags.digitalSignature],
  ['content commitment', KeyUsageFlags.nonRepudiation],
  ['key encipherment', KeyUsageFlags.keyEncipherment],
  ['key agreement', KeyUsageFlags.keyAgreement],
  ['data encipherment', KeyUsageFlags.dataEncipherment],
]);
const EXTENDED_USAGES: ReadonlyMap<string, ExtendedKeyUsage> = new Map([
  ['client auth', ExtendedKeyUsage.clientAuth],
  ['server auth', ExtendedKeyUsage.serverAuth],
]);

type Signer = CertificateFacts['signers'] extends ReadonlyMap<string, infer S> ? S : never;
type SigningRequest = Parameters<Signer['sign']>[0];

/** One CA for all signers of the cluster. */
export const sharedAuthority = (authority: KeyPairPem): ReadonlyMap<string, KeyPairPem> =>
  new Map(SIGNER_NAMES.map((name) => [name, authority]));

/** `authorities`: by signer name. */
export function createCertificateFacts(authorities: ReadonlyMap<string, KeyPairPem>): CertificateFacts {
  const signerOf = (authority: KeyPairPem): Signer => ({ sign: (request) => sign(authority, request) });
  return {
    x509: {
      parseRequest: (request) => describe(readRequest(request)),
      notAfterMs(certificate) {
        try {
          return new X509Certificate(Buffer.from(certificate, 'base64').toString('utf8')).notAfter.getTime();
        } catch {
          return undefined;
        }
      },
    },
    signers: new Map([...authorities].map(([name, authority]) => [name, signerOf(authority)])),
  };
}

/** `request`: base64 of PEM. */
function readRequest(request: string): Pkcs10CertificateRequest {
  const pem = Buffer.from(request, 'base64').toString('utf8');
  if (!pem.includes('BEGIN CERTIFICATE REQUEST')) throw new Error('PEM block type must be CERTIFICATE REQUEST');
  return new Pkcs10CertificateRequest(pem);
}

function namesOf(request: Pkcs10CertificateRequest): SubjectAlternativeNameExtension | undefined {
  return request.extensions.find((extension) => extension instanceof SubjectAlternativeNameExtension);
}

function describe(request: Pkcs10CertificateRequest) {
  const names = namesOf(request)?.names.items ?? [];
  const ofType = (type: string) => names.filter((name) => name.type === type).map((name) => name.value);
  return {
    commonName: request.subjectName.getField('CN').at(-1) ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: ofType('dns'),
    emailAddresses: ofType('email'),
    ipAddresses: ofType('ip'),
    uris: ofType('url'),
  };
}

async function sign(
  authority: KeyPairPem,
  { request, usages, notBeforeMs, notAfterMs }: SigningRequest,
): Promise<string> {
  const issuer = new X509Certificate(authority.cert);
  const csr = readRequest(request);
  if (!(await csr.verify(webcrypto as never))) throw new Error('the request is not signed by the key it names');
  const names = namesOf(csr);
  const keyUsage = usages.reduce((flags, usage) => flags | (KEY_USAGES.get(usage) ?? 0), 0);
  const extended = usages.map((usage) => EXTENDED_USAGES.get(usage)).filter((usage) => usage !== undefined);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subject,
    subject: csr.subject,
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(Math.min(notAfterMs, issuer.notAfter.getTime())),
    signingAlgorithm: SIGNING_ALGORITHM,
    publicKey: await csr.publicKey.export(webcrypto as never),
    signingKey: await importSigningKey(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      ...(keyUsage === 0 ? [] : [new KeyUsagesExtension(keyUsage, true)]),
      ...(extended.length === 0 ? [] : [new ExtendedKeyUsageExtension(extended)]),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto as never),
      ...(names === undefined ? [] : [names]),
    ],
  });
  return Buffer.from(`${certificate.toString('pem')}\n`).toString('base64');
}
