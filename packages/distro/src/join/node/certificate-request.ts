/** Asks the cluster for a certificate: a key, a request, the wait for its signature. Source: client-go/util/certificate. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { certificatesV1 } from '@kapella/api';
import { type Ctx, sleep } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { KeyPairPem } from '@kapella/control-plane/node';
import { SIGNING_ALGORITHM } from '@kapella/control-plane/node';
import {
  type JsonGeneralName,
  Name,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509';

const POLL_MS = 300;
const POLL_MS_MAX = 5000;
const SAID_EVERY_MS = 30_000;

export interface CertificateWish {
  readonly signerName: string;
  readonly commonName: string;
  readonly organization: string;
  readonly usages: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** Waits as long as it takes until someone approves it. Throws when it is denied or fails. */
export async function requestCertificate(client: Client, wish: CertificateWish, ctx: Ctx): Promise<KeyPairPem> {
  const { request, key } = await createRequest(wish);
  const { signerName, usages } = wish;
  const created = await client.create(
    certificatesV1.CertificateSigningRequest,
    {
      metadata: { generateName: 'csr-' } as never,
      spec: { request: Buffer.from(request).toString('base64'), signerName, usages },
    },
    ctx,
  );
  const { name } = created.metadata;
  let saidMs = ctx.clock.monotonicMs();
  for (let pauseMs = POLL_MS; ; pauseMs = Math.min(pauseMs * 1.5, POLL_MS_MAX)) {
    await sleep(pauseMs, ctx);
    const csr = await client.get(certificatesV1.CertificateSigningRequest, { name }, ctx);
    if (csr === undefined) throw new Error(`certificate request ${name} was deleted before it was signed`);
    const { certificate, conditions = [] } = csr.status ?? {};
    if (certificate) return { cert: Buffer.from(certificate, 'base64').toString(), key };
    const end = conditions.find(({ type }) => type === 'Denied' || type === 'Failed');
    if (end !== undefined) throw new Error(`certificate request ${name}: ${end.type}: ${end.message ?? ''}`);
    if (ctx.clock.monotonicMs() - saidMs < SAID_EVERY_MS) continue;
    saidMs = ctx.clock.monotonicMs();
    ctx.log.info('certificate not signed yet', { request: name, signer: signerName });
  }
}

async function createRequest(wish: CertificateWish): Promise<{ readonly request: string; readonly key: string }> {
  const { subtle } = webcrypto;
  const keys = await subtle.generateKey(SIGNING_ALGORITHM, true, ['sign', 'verify']);
  const names: JsonGeneralName[] = [
    ...(wish.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(wish.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const csr = await Pkcs10CertificateRequestGenerator.create(
    {
      name: new Name([{ O: [wish.organization] }, { CN: [wish.commonName] }]).toString(),
      keys: keys as never,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)],
    },
    webcrypto as never,
  );
  const base64 = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const body = (base64.match(/.{1,64}/g) ?? []).join('\n');
  return {
    request: csr.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
  };
}
