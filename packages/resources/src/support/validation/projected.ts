/** Projected volumes. Source: kubernetes pkg/apis/core/validation, validateProjectionSources. */
import { validateLabelSelector } from '@kapella/api';
import type { ProjectedVolumeSource, VolumeProjection } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { checkFileMode, checkVolumeFilePath } from './paths.ts';
import { checkDownwardFile, checkKeyToPath } from './volumes.ts';

const TOKEN_SECONDS = { min: 600, max: 2 ** 32 };
const KEY_TYPES = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519'];

export function checkProjected(projected: ProjectedVolumeSource, errors: FieldErrors, field: string): void {
  checkFileMode(projected.defaultMode, errors, `${field}.defaultMode`);
  const paths = new Set<string>();
  const once = (path: string, name: string) => {
    if (path === '') return;
    if (paths.has(path)) errors.invalid(field, name, 'conflicting duplicate paths');
    paths.add(path);
  };
  for (const [i, source] of (projected.sources ?? []).entries()) {
    const at = `${field}.sources[${i}]`;
    checkKeyed(source.secret, once, errors, `${at}.secret`);
    checkKeyed(source.configMap, once, errors, `${at}.configMap`);
    for (const file of source.downwardAPI?.items ?? []) {
      checkDownwardFile(file, errors, `${at}.downwardAPI`);
      once(file.path ?? '', file.path ?? '');
    }
    checkToken(source, errors, field, at);
    checkTrustBundle(source, once, errors, at);
    checkCertificate(source, once, errors, at);
    if (Object.values(source).filter((part) => part !== undefined).length > 1) {
      errors.forbidden(at, 'may not specify more than 1 volume type per source');
    }
  }
}

type Keyed = VolumeProjection['secret'] | VolumeProjection['configMap'];

function checkKeyed(part: Keyed, once: Once, errors: FieldErrors, field: string): void {
  if (part === undefined) return;
  if (!part.name) errors.required(`${field}.name`);
  for (const [j, item] of (part.items ?? []).entries()) {
    checkKeyToPath(item, errors, `${field}.items[${j}]`);
    once(item.path ?? '', part.name ?? '');
  }
}

function checkToken(
  { serviceAccountToken: token }: VolumeProjection,
  errors: FieldErrors,
  field: string,
  at: string,
): void {
  if (token === undefined) return;
  const seconds = token.expirationSeconds ?? 0;
  const name = `${at}.serviceAccountToken.expirationSeconds`;
  if (seconds < TOKEN_SECONDS.min) errors.invalid(name, seconds, 'may not specify a duration less than 10 minutes');
  if (seconds > TOKEN_SECONDS.max) errors.invalid(name, seconds, 'may not specify a duration larger than 2^32 seconds');
  if (!token.path) errors.required(`${field}.path`);
  else checkVolumeFilePath(token.path, errors, `${field}.path`);
}

type Once = (path: string, name: string) => void;

function checkTrustBundle(
  { clusterTrustBundle: bundle }: VolumeProjection,
  once: Once,
  errors: FieldErrors,
  at: string,
): void {
  if (bundle === undefined) return;
  const field = `${at}.clusterTrustBundle`;
  const { name, signerName, labelSelector, path = '' } = bundle;
  if (name !== undefined && signerName !== undefined) {
    errors.invalid(field, bundle, 'only one of name and signerName may be used');
  } else if (name !== undefined) {
    if (name === '') errors.required(`${field}.name`, 'must be a valid object name');
    if (labelSelector !== undefined) {
      errors.invalid(`${field}.labelSelector`, labelSelector, 'labelSelector must be unset if name is specified');
    }
  } else if (signerName !== undefined) {
    if (signerName === '') errors.required(`${field}.signerName`, 'must be a valid signer name');
    if (labelSelector !== undefined) validateLabelSelector(labelSelector, errors, `${field}.labelSelector`);
  } else errors.required(field, 'either name or signerName must be specified');
  if (path === '') errors.required(`${field}.path`);
  checkVolumeFilePath(path, errors, `${field}.path`);
  once(path, path);
}

function checkCertificate(
  { podCertificate: part }: VolumeProjection,
  once: Once,
  errors: FieldErrors,
  at: string,
): void {
  if (part === undefined) return;
  const field = `${at}.podCertificate`;
  if (!part.signerName) errors.required(`${field}.signerName`);
  if (!KEY_TYPES.includes(part.keyType)) errors.notSupported(`${field}.keyType`, part.keyType ?? '', KEY_TYPES);
  const seconds = part.maxExpirationSeconds;
  if (seconds !== undefined && seconds < 3600) {
    errors.invalid(`${field}.maxExpirationSeconds`, seconds, 'if provided, maxExpirationSeconds must be >= 3600');
  }
  const names = ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const;
  for (const name of names) {
    const path = part[name];
    if (!path) continue;
    checkVolumeFilePath(path, errors, `${field}.${name}`);
    once(path, path);
  }
  if (names.every((name) => !part[name])) {
    errors.required(field, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath');
  }
}
