/** The cluster's certificates: one CA, and what it signs. ECDSA P-256 throughout: made in milliseconds. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

type CryptoKey = webcrypto.CryptoKey;
const crypto = webcrypto;
cryptoProvider.set(crypto);

/** What the cluster's keys sign with. */
export const SIGNING_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const CA_DAYS = 3650;
const LEAF_DAYS = 365;
const DAY_MS = 86_400_000;
/** Clocks differ a little: certificates are valid from this long ago. */
const SKEW_MS = 5 * 60_000;

export interface KeyPairPem {
  readonly cert: string;
  readonly key: string;
}

export interface LeafRequest {
  readonly commonName: string;
  /** Kubernetes groups. */
  readonly organizations?: readonly string[];
  readonly usage: 'client' | 'server';
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** A self-signed CA. */
export async function createAuthority(commonName: string, nowMs: number): Promise<KeyPairPem> {
  const keys = await crypto.subtle.generateKey(SIGNING_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(nowMs - SKEW_MS),
    notAfter: new Date(nowMs + CA_DAYS * DAY_MS),
    signingAlgorithm: SIGNING_ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
    ],
  });
  return { cert: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** A certificate signed by `authority`, with a key of its own. */
export async function issueLeaf(authority: KeyPairPem, request: LeafRequest, nowMs: number): Promise<KeyPairPem> {
  const issuer = new X509Certificate(authority.cert);
  const signingKey = await importSigningKey(authority.key);
  const keys = await crypto.subtle.generateKey(SIGNING_ALGORITHM, true, ['sign', 'verify']);
  const names: JsonGeneralNames = [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const purpose = request.usage === 'client' ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth;
  const organizations = request.organizations ?? [];
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subject,
    subject: [...organizations.map((organization) => ({ O: [organization] })), { CN: [request.commonName] }],
    notBefore: new Date(nowMs - SKEW_MS),
    notAfter: new Date(nowMs + LEAF_DAYS * DAY_MS),
    signingAlgorithm: SIGNING_ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([purpose]),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, crypto),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { cert: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** An ES256 key for service-account tokens: PKCS #8 PEM. */
export async function createSigningKey(): Promise<string> {
  const keys = await crypto.subtle.generateKey(SIGNING_ALGORITHM, true, ['sign', 'verify']);
  return exportKey(keys.privateKey);
}

/** Whether the certificate is still good for `remainingMs` and names all of these hosts. */
export function isUsable(pem: string, nowMs: number, remainingMs: number, hosts: readonly string[] = []): boolean {
  const certificate = new X509Certificate(pem);
  if (certificate.notAfter.getTime() - nowMs < remainingMs) return false;
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items.map((name) => name.value) ?? [];
  return hosts.every((host) => names.includes(host));
}

export function serialNumber(): string {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = (bytes[0] as number) & 0x7f; // a positive number
  return bytes.toString('hex');
}

async function exportKey(key: CryptoKey): Promise<string> {
  const base64 = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

export function importSigningKey(pem: string): Promise<CryptoKey> {
  const base64 = pem.replace(/-----[A-Z ]+-----/g, '').replace(/\s/g, '');
  return crypto.subtle.importKey('pkcs8', Buffer.from(base64, 'base64'), SIGNING_ALGORITHM, true, ['sign']);
}
