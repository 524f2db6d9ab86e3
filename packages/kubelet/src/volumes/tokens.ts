/** Tokens of service accounts for Pods, kept until they are due. Source: kubernetes pkg/kubelet/token/token_manager.go. */
import { coreV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, parseTime } from '@kapella/base';
import type { Client } from '@kapella/client';

const MAX_AGE_MS = 24 * 3600 * 1000;
const RENEW_AT = 0.8; // of its life
const JITTER_MS_MAX = 10_000;

export interface PodToken {
  readonly token: string;
  readonly expiresAtMs: number;
  /** A new one should be asked for from then on. */
  readonly renewAtMs: number;
}

export interface TokenSource {
  get(pod: Pod, audience: string | undefined, expirationSeconds: number, ctx: Ctx): Promise<PodToken>;
  forget(podUid: string): void;
}

interface TokenAnswer {
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
}

export function createTokenSource(client: Client): TokenSource {
  const cache = new Map<string, PodToken>();
  return {
    async get(pod, audience, expirationSeconds, ctx) {
      const { namespace = '', name, uid } = pod.metadata;
      const account = pod.spec.serviceAccountName || 'default';
      const key = `${uid}/${account}/${audience ?? ''}/${expirationSeconds}`;
      const known = cache.get(key);
      const nowMs = ctx.clock.nowMs();
      if (known !== undefined && nowMs < known.renewAtMs) return known;
      try {
        const token = await request(
          client,
          account,
          namespace,
          {
            ...(audience ? { audiences: [audience] } : {}),
            expirationSeconds,
            boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
          },
          ctx,
        );
        cache.set(key, token);
        return token;
      } catch (error) {
        // An old one that is still good is better than none.
        if (known !== undefined && nowMs < known.expiresAtMs) return known;
        throw error;
      }
    },
    forget(podUid) {
      for (const key of [...cache.keys()]) if (key.startsWith(`${podUid}/`)) cache.delete(key);
    },
  };
}

async function request(client: Client, account: string, namespace: string, spec: object, ctx: Ctx): Promise<PodToken> {
  const body = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: {}, spec };
  const nowMs = ctx.clock.nowMs();
  const answer = await client.createSubresource<TokenAnswer>(
    coreV1.ServiceAccount,
    { namespace, name: account },
    'token',
    body,
    ctx,
  );
  const expiresAtMs = parseTime(answer.status.expirationTimestamp) ?? nowMs;
  const lifeMs = expiresAtMs - nowMs;
  const jitterMs = ctx.random.float() * Math.min(JITTER_MS_MAX, lifeMs / 10);
  return {
    token: answer.status.token,
    expiresAtMs,
    renewAtMs: nowMs + Math.min(lifeMs * RENEW_AT, MAX_AGE_MS) - jitterMs,
  };
}
