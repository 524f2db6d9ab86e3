/** apiextensions.k8s.io ConversionReview: what is asked, and how an answer is read. Source: as webhook-converter.ts. */
import type { UnknownObject } from '@kapella/api';

const GROUP = 'apiextensions.k8s.io';
const KIND = 'ConversionReview';
const KNOWN = ['v1', 'v1beta1'] as const;

export type ReviewVersion = (typeof KNOWN)[number];

/** The first version that both sides know. Throws when there is none. */
export function reviewVersionOf(versions: readonly string[]): ReviewVersion {
  const found = versions.find((version): version is ReviewVersion => (KNOWN as readonly string[]).includes(version));
  if (found === undefined) throw new Error('no supported conversion review versions');
  return found;
}

export function reviewOf(
  version: ReviewVersion,
  objects: readonly UnknownObject[],
  desiredAPIVersion: string,
  uid: string,
): object {
  return { kind: KIND, apiVersion: `${GROUP}/${version}`, request: { uid, desiredAPIVersion, objects } };
}

interface Review {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly response?: {
    readonly uid?: string;
    readonly result?: { readonly status?: string; readonly message?: string };
    readonly convertedObjects?: readonly unknown[] | null;
  } | null;
}

/** The converted objects, not yet looked at. Throws Error in upstream's words. */
export function readReview(answer: unknown, version: ReviewVersion, uid: string): readonly unknown[] {
  const { kind = '', apiVersion = '', response } = (answer ?? {}) as Review;
  if (version === 'v1' && (kind !== KIND || apiVersion !== `${GROUP}/v1`)) {
    throw new Error(`expected webhook response of ${GROUP}/v1, Kind=${KIND}, got ${apiVersion}, Kind=${kind}`);
  }
  if (response === undefined || response === null) throw new Error('no response provided');
  // The older version was never checked for this.
  if (version === 'v1' && response.uid !== uid) {
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`);
  }
  const { status = '', message = '' } = response.result ?? {};
  if (status !== 'Success') throw new Error(message || `response.result.status was '${status}', not 'Success'`);
  return response.convertedObjects ?? [];
}
