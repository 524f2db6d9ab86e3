/** Approves, signs and removes certificate requests. Source: kubernetes pkg/controller/certificates. */
import { authorizationV1, certificatesV1, type KubeObject } from '@kapella/api';
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '@kapella/api/types/certificates-v1';
import { type Ctx, formatTime, isReason, parseTime, sleep } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController, type ReconcileResult } from '@kapella/controller';
import {
  type CertificateSigner,
  faultOfClient,
  faultOfKubeletClient,
  faultOfKubeletServing,
  type X509,
} from './x509.ts';

const CSR = certificatesV1.CertificateSigningRequest;
const HOUR_MS = 3_600_000;
const YEAR_MS = 8760 * HOUR_MS;
const BACKDATE_MS = 5 * 60_000;
const LIFE_MIN_MS = 10 * 60_000;
/** Certificates of shorter life than this are not dated back in full. */
const SHORT_MS = 8 * HOUR_MS;
const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
const RETRY_MIN_MS = 200;

const conditionsOf = (csr: CertificateSigningRequest) => csr.status?.conditions ?? [];
const has = (csr: CertificateSigningRequest, type: string) =>
  conditionsOf(csr).some((condition) => condition.type === type);
const isIssued = (csr: CertificateSigningRequest) => (csr.status?.certificate ?? '') !== '';

const isOpen = (csr: CertificateSigningRequest) => !isIssued(csr) && !has(csr, 'Approved') && !has(csr, 'Denied');

function withCondition(
  csr: CertificateSigningRequest,
  condition: CertificateSigningRequestCondition,
): CertificateSigningRequest {
  return { ...csr, status: { ...csr.status, conditions: [...conditionsOf(csr), condition] } };
}

/** For node agents: who may ask for its own client certificate, or for any node's, gets it. */
export function createCsrApprovingController(
  { cache, client }: ControllerDeps,
  { x509 }: { readonly x509: X509 },
): Controller {
  async function mayAsk({ spec }: CertificateSigningRequest, subresource: string, ctx: Ctx): Promise<boolean> {
    const resourceAttributes = {
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
      verb: 'create',
      subresource,
      version: '*',
    };
    const { username: user, uid, groups, extra } = spec;
    const review = { metadata: {}, spec: { user, uid, groups, extra, resourceAttributes } };
    const answer = await client.create(authorizationV1.SubjectAccessReview, review as never, ctx);
    return answer.status?.allowed === true;
  }
  async function approve(csr: CertificateSigningRequest, whose: string, ctx: Ctx): Promise<ReconcileResult> {
    const message = `Auto approving ${whose} client certificate after SubjectAccessReview.`;
    const time = formatTime(ctx.clock.nowMs());
    const condition = {
      type: 'Approved',
      status: 'True',
      reason: 'AutoApproved',
      message,
      lastUpdateTime: time,
      lastTransitionTime: time,
    };
    await client.update(CSR, withCondition(csr, condition) as typeof csr & KubeObject, ctx, {
      subresource: 'approval',
    });
    return {};
  }
  return defineController({
    name: 'certificatesigningrequest-approving-controller',
    primary: CSR,
    retryMinMs: RETRY_MIN_MS,
    async reconcile(key, ctx) {
      const csr = cache.get(CSR, key);
      if (csr === undefined || !isOpen(csr) || csr.spec.signerName !== KUBELET_CLIENT) return {};
      const request = await x509.parseRequest(csr.spec.request);
      if (faultOfKubeletClient(request, csr.spec.usages ?? []) !== undefined) return {};
      const isSelf = csr.spec.username === request.commonName;
      if (isSelf && (await mayAsk(csr, 'selfnodeclient', ctx))) return approve(csr, 'self kubelet', ctx);
      if (await mayAsk(csr, 'nodeclient', ctx)) return approve(csr, 'kubelet', ctx);
      throw new Error(`recognized csr ${JSON.stringify(key)} but subject access review was not approved`);
    },
  });
}

export interface CsrSigningOptions {
  readonly x509: X509;
  /** By signer name: `kubernetes.io/kube-apiserver-client-kubelet`, `…/kubelet-serving`, `…/kube-apiserver-client`, `…/legacy-unknown`. */
  readonly signers: ReadonlyMap<string, CertificateSigner>;
  /** Longest life; upstream's --cluster-signing-duration. One year where absent. */
  readonly lifeMsMax?: number;
}

/** Signs what is approved and as its signer demands. */
export function createCsrSigningController({ cache, client }: ControllerDeps, options: CsrSigningOptions): Controller {
  const { x509, signers, lifeMsMax = YEAR_MS } = options;
  async function faultOf({ spec }: CertificateSigningRequest): Promise<string | undefined> {
    const request = await x509.parseRequest(spec.request);
    const usages = spec.usages ?? [];
    if (spec.signerName === KUBELET_CLIENT) return faultOfKubeletClient(request, usages);
    if (spec.signerName === 'kubernetes.io/kubelet-serving') return faultOfKubeletServing(request, usages);
    return spec.signerName === 'kubernetes.io/kube-apiserver-client' ? faultOfClient(usages) : undefined;
  }
  return defineController({
    name: 'certificatesigningrequest-signing-controller',
    primary: CSR,
    retryMinMs: RETRY_MIN_MS,
    async reconcile(key, ctx) {
      const csr = cache.get(CSR, key);
      if (csr === undefined || isIssued(csr) || !has(csr, 'Approved') || has(csr, 'Denied') || has(csr, 'Failed'))
        return {};
      const signer = signers.get(csr.spec.signerName);
      if (signer === undefined) return {};
      const nowMs = ctx.clock.nowMs();
      const message = await faultOf(csr);
      const write = (next: CertificateSigningRequest) =>
        client.update(CSR, next as typeof csr & KubeObject, ctx, { subresource: 'status' });
      if (message !== undefined) {
        const time = formatTime(nowMs);
        const condition = {
          type: 'Failed',
          status: 'True',
          reason: 'SignerValidationFailure',
          message,
          lastUpdateTime: time,
          lastTransitionTime: time,
        };
        await write(withCondition(csr, condition));
        return {};
      }
      const certificate = await signer.sign({
        request: csr.spec.request,
        usages: csr.spec.usages ?? [],
        ...planValidity(csr, lifeMsMax, nowMs),
      });
      await write({ ...csr, status: { ...csr.status, certificate } });
      return {};
    },
  });
}

/** Pure. As long as asked for, but neither longer than allowed nor shorter than ten minutes. */
export function planValidity({ spec }: CertificateSigningRequest, lifeMsMax: number, nowMs: number) {
  const asked = spec.expirationSeconds;
  const lifeMs =
    asked === undefined || asked === null ? lifeMsMax : Math.min(lifeMsMax, Math.max(LIFE_MIN_MS, asked * 1000));
  const isShort = lifeMs < SHORT_MS;
  // A short life counts from now on; of a long one the minutes before belong to it.
  return { notBeforeMs: nowMs - BACKDATE_MS, notAfterMs: nowMs + (isShort ? lifeMs : lifeMs - BACKDATE_MS) };
}

/** Pure. Whether nobody needs the request any more. */
export function isOutdated(
  csr: CertificateSigningRequest,
  notAfterMs: (certificate: string) => number | undefined,
  nowMs: number,
): boolean {
  const isOld = (time: string | undefined, ms: number) => nowMs - (parseTime(time) ?? nowMs) > ms;
  const conditions = conditionsOf(csr);
  if (conditions.length === 0 && isOld(csr.metadata.creationTimestamp, 24 * HOUR_MS)) return true;
  const ended = conditions.filter(({ type }) => type === 'Denied' || type === 'Failed');
  if (ended.some(({ lastUpdateTime }) => isOld(lastUpdateTime, HOUR_MS))) return true;
  const approved = conditions.filter(({ type }) => type === 'Approved');
  const keptMs = isIssued(csr) ? HOUR_MS : 24 * HOUR_MS;
  if (approved.some(({ lastUpdateTime }) => isOld(lastUpdateTime, keptMs))) return true;
  const endMs = isIssued(csr) && approved.length > 0 ? notAfterMs(csr.status?.certificate ?? '') : undefined;
  return endMs !== undefined && nowMs > endMs;
}

/** Removes requests an hour after their end, and those left lying for a day. */
export function createCsrCleanerController(
  { cache, client }: ControllerDeps,
  { x509 }: { readonly x509: X509 },
): Controller {
  async function clean(ctx: Ctx): Promise<void> {
    for (const csr of cache.list(CSR)) {
      if (!isOutdated(csr, (certificate) => x509.notAfterMs(certificate), ctx.clock.nowMs())) continue;
      try {
        await client.delete(CSR, csr, ctx);
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
  }
  return defineController({
    name: 'certificatesigningrequest-cleaner-controller',
    primary: CSR,
    reconcile: async () => ({}),
    async background(ctx) {
      while (!ctx.signal.aborted) {
        await clean(ctx);
        await sleep(HOUR_MS, ctx).catch(() => {});
      }
    },
  });
}
