/** Rules for signing requests. Source: kubernetes pkg/apis/certificates/validation. */
import { validateDns1123Subdomain } from '@kapella/api';
import type { CertificateSigningRequest as Request } from '@kapella/api/types/certificates-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { decodeBase64 } from '../../support/base64.ts';
import { addInvalid } from '../../support/validation/basic.ts';

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const EXPIRATION_SECONDS_MIN = 600;

export function validateRequest({ spec, status }: Request, errors: FieldErrors): void {
  const pem = decodeBase64(spec.request ?? '') ?? '';
  if (
    !pem.includes('-----BEGIN CERTIFICATE REQUEST-----') &&
    !pem.includes('-----BEGIN NEW CERTIFICATE REQUEST-----')
  ) {
    errors.invalid('spec.request', spec.request, 'PEM block type must be CERTIFICATE REQUEST');
  }
  const usages = spec.usages ?? [];
  if (usages.length === 0) errors.required('spec.usages', 'usages is required');
  for (const [i, usage] of usages.entries()) {
    if (!USAGES.includes(usage)) errors.notSupported(`spec.usages[${i}]`, usage, USAGES);
    else if (usages.indexOf(usage) !== i) errors.duplicate(`spec.usages[${i}]`, usage);
  }
  checkSignerName(spec.signerName ?? '', errors);
  const seconds = spec.expirationSeconds;
  if (seconds !== undefined && seconds < EXPIRATION_SECONDS_MIN) {
    errors.invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 600 seconds (10 minutes)');
  }
  checkConditions(status, errors);
}

export function checkSignerName(name: string, errors: FieldErrors, field = 'spec.signerName'): void {
  if (name === '') {
    errors.required(field);
    return;
  }
  const [domain = '', path, ...rest] = name.split('/');
  if (path === undefined || rest.length > 0) {
    errors.invalid(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
    return;
  }
  addInvalid(errors, field, domain, validateDns1123Subdomain(domain));
  if (domain.split('.').length < 2)
    errors.invalid(field, domain, 'should be a domain with at least two segments separated by dots');
  addInvalid(errors, field, path, validateDns1123Subdomain(path));
}

function checkConditions(status: Request['status'], errors: FieldErrors): void {
  const types = new Set<string>();
  for (const [i, { type, status: value }] of (status?.conditions ?? []).entries()) {
    const field = `status.conditions[${i}]`;
    if (!type) errors.required(`${field}.type`);
    if (!value) errors.required(`${field}.status`);
    else if (['Approved', 'Denied', 'Failed'].includes(type) && value !== 'True') {
      errors.notSupported(`${field}.status`, value, ['True']);
    }
    if (types.has(type)) errors.duplicate(`${field}.type`, type);
    types.add(type);
  }
  if (types.has('Approved') && types.has('Denied')) {
    errors.invalid('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive');
  }
}

export function validateRequestStatus(next: Request, old: Request, errors: FieldErrors): void {
  checkConditions(next.status, errors);
  checkKeptDecisions(next, old, ['Approved', 'Denied', 'Failed'], errors);
  const before = old.status?.certificate;
  if (before && before !== next.status?.certificate) {
    errors.forbidden('status.certificate', 'updates may not change a certificate that is already set');
  }
}

export function validateApproval(next: Request, old: Request, errors: FieldErrors): void {
  checkConditions(next.status, errors);
  checkKeptDecisions(next, old, ['Approved', 'Denied', 'Failed'], errors);
}

function checkKeptDecisions(next: Request, old: Request, types: readonly string[], errors: FieldErrors): void {
  for (const type of types) {
    const pick = (request: Request) =>
      (request.status?.conditions ?? [])
        .filter((c) => c.type === type)
        .map(({ status, reason, message }) => ({ status, reason, message }));
    const before = pick(old);
    const after = pick(next);
    if (before.length > after.length) {
      errors.forbidden('status.conditions', `updates may not remove a condition of type "${type}"`);
    } else if (before.length > 0 && !jsonEqual(before, after)) {
      errors.forbidden('status.conditions', `updates may not modify a condition of type "${type}"`);
    }
  }
}
