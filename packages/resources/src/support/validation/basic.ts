/** Checks that most kinds share. Source: apimachinery/pkg/api/validation and kubernetes pkg/apis/core/validation. */
import {
  formatIp,
  nameIsDnsSubdomain,
  parseIp,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateIpForLegacyField,
  validatePortName,
  validatePortNumber,
  validateQualifiedName,
} from '@kapella/api';
import type { FieldErrors } from '@kapella/base';

export const NOT_NEGATIVE = 'must be greater than or equal to 0';
export const POSITIVE = 'must be greater than zero';
export const IMMUTABLE = 'field is immutable';
export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'] as const;

/** One Invalid per message. */
export function addInvalid(errors: FieldErrors, field: string, value: unknown, messages: readonly string[]): void {
  for (const message of messages) errors.invalid(field, value, message);
}

export function checkDnsLabel(value: string, errors: FieldErrors, field: string): void {
  addInvalid(errors, field, value, validateDns1123Label(value));
}

export function checkDnsSubdomain(value: string, errors: FieldErrors, field: string): void {
  addInvalid(errors, field, value, validateDns1123Subdomain(value));
}

/** The name of another object that is named as a DNS subdomain. */
export function checkObjectName(value: string, errors: FieldErrors, field: string): void {
  addInvalid(errors, field, value, nameIsDnsSubdomain(value, false));
}

export function checkQualifiedName(value: string, errors: FieldErrors, field: string): void {
  addInvalid(errors, field, value, validateQualifiedName(value));
}

export function checkNotNegative(value: number | undefined, errors: FieldErrors, field: string): void {
  if (value !== undefined && value < 0) errors.invalid(field, value, NOT_NEGATIVE);
}

export function checkPositive(value: number | undefined, errors: FieldErrors, field: string): void {
  if (value !== undefined && value <= 0) errors.invalid(field, value, POSITIVE);
}

export function checkPort(port: number | undefined, errors: FieldErrors, field: string): void {
  addInvalid(errors, field, port ?? 0, validatePortNumber(port ?? 0));
}

export function checkPortNumberOrName(port: number | string | undefined, errors: FieldErrors, field: string): void {
  if (typeof port === 'string') addInvalid(errors, field, port, validatePortName(port));
  else checkPort(port, errors, field);
}

/** Required when empty, NotSupported when not one of `allowed`. */
export function checkEnum(
  value: string | undefined,
  allowed: readonly string[],
  errors: FieldErrors,
  field: string,
  required = false,
): void {
  if (!value) {
    if (required) errors.required(field);
  } else if (!allowed.includes(value)) errors.notSupported(field, value, [...allowed].sort());
}

/** Strict but for values that the stored object has already. */
export function checkIp(value: string, errors: FieldErrors, field: string, existing: readonly string[] = []): boolean {
  const found = validateIpForLegacyField(value, existing);
  addInvalid(errors, field, value, found);
  return found.length === 0;
}

/** An address that traffic may be sent to: no loopback, no link-local. */
export function checkEndpointIp(value: string, errors: FieldErrors, field: string): void {
  const ip = parseIp(value);
  if (ip === undefined) {
    errors.invalid(field, value, 'must be a valid IP address');
    return;
  }
  const text = formatIp(ip);
  const [first = 0, second = 0, third = 0] = text.includes(':') ? [] : text.split('.').map(Number);
  if (text === '0.0.0.0' || text === '::') errors.invalid(field, value, `may not be unspecified (${value})`);
  if (first === 127 || text === '::1') {
    errors.invalid(field, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  }
  if ((first === 169 && second === 254) || /^fe[89ab]/.test(text)) {
    errors.invalid(field, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if ((first === 224 && second === 0 && third === 0) || /^ff.2:/.test(text)) {
    errors.invalid(field, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
}
