/** Rules for Secrets. Source: kubernetes pkg/apis/core/validation, ValidateSecret. */
import { validateConfigMapKey } from '@kapella/api';
import type { Secret } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { base64Bytes, decodeBase64 } from '../../support/base64.ts';
import { addInvalid } from '../../support/validation/basic.ts';

const SIZE_MAX_BYTES = 1024 * 1024;
const ACCOUNT = 'kubernetes.io/service-account.name';

export function validateSecret(secret: Secret, errors: FieldErrors): void {
  const { data = {}, type } = secret;
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    addInvalid(errors, `data[${key}]`, key, validateConfigMapKey(key));
    size += base64Bytes(value);
  }
  if (size > SIZE_MAX_BYTES) errors.tooLong('data', SIZE_MAX_BYTES);
  switch (type) {
    case 'kubernetes.io/service-account-token':
      if (!secret.metadata.annotations?.[ACCOUNT]) errors.required(`metadata.annotations[${ACCOUNT}]`);
      break;
    case 'kubernetes.io/dockercfg':
      checkJson(data, '.dockercfg', errors);
      break;
    case 'kubernetes.io/dockerconfigjson':
      checkJson(data, '.dockerconfigjson', errors);
      break;
    case 'kubernetes.io/basic-auth':
      if (data.username === undefined && data.password === undefined) {
        errors.required('data[username]');
        errors.required('data[password]');
      }
      break;
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) errors.required('data[ssh-privatekey]');
      break;
    case 'kubernetes.io/tls':
      for (const key of ['tls.crt', 'tls.key']) if (data[key] === undefined) errors.required(`data[${key}]`);
      break;
  }
}

function checkJson(data: Readonly<Record<string, string>>, key: string, errors: FieldErrors): void {
  const value = data[key];
  if (value === undefined) {
    errors.required(`data[${key}]`);
    return;
  }
  try {
    JSON.parse(decodeBase64(value) ?? '');
  } catch (error) {
    errors.invalid(`data[${key}]`, '<secret contents redacted>', (error as Error).message);
  }
}

export function validateSecretUpdate(next: Secret, old: Secret, errors: FieldErrors): void {
  errors.immutable('type', next.type, old.type);
  if (old.immutable === true) {
    if (next.immutable !== true) errors.forbidden('immutable', 'field is immutable when `immutable` is set');
    if (!jsonEqual(next.data ?? {}, old.data ?? {})) {
      errors.forbidden('data', 'field is immutable when `immutable` is set');
    }
  }
  validateSecret(next, errors);
}
