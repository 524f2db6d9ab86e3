/** Names that must also be good in DNS. Source: apimachinery/pkg/util/validation/validation.go. */
import { byteLength, defineFormat, maxBytesError, maxLengthError, problems } from './messages.ts';

const LABEL_LENGTH_MAX = 63;
const SUBDOMAIN_LENGTH_MAX = 253;

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const UNDERSCORE_LABEL = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const ENDS = 'must start and end with an alphanumeric character';

const label = defineFormat(
  `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and ${ENDS}`,
  LABEL,
  'my-name',
  '123-abc',
);
const subdomain = defineFormat(
  `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and ${ENDS}`,
  SUBDOMAIN,
  'example.com',
);
const caselessSubdomain = defineFormat(
  `an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and ${ENDS}`,
  SUBDOMAIN,
  'Example.com',
);
const underscoreSubdomain = defineFormat(
  `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and ${ENDS}`,
  `${UNDERSCORE_LABEL}(\\.${UNDERSCORE_LABEL})*`,
  'example.com',
);
const label1035 = defineFormat(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, " +
    'and end with an alphanumeric character',
  '[a-z]([-a-z0-9]*[a-z0-9])?',
  'my-name',
  'abc-123',
);
const wildcard = defineFormat(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of " +
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  `\\*\\.${SUBDOMAIN}`,
  '*.example.com',
);

const tooLong = (value: string, lengthMax: number): readonly [boolean, string] => [
  byteLength(value) > lengthMax,
  maxLengthError(lengthMax),
];

/** `my-name`, at most 63 long. */
export function validateDns1123Label(value: string): string[] {
  const wrong = !label.pattern.test(value);
  const dotted = wrong && subdomain.pattern.test(value);
  return problems(
    tooLong(value, LABEL_LENGTH_MAX),
    [dotted, 'must not contain dots'],
    [wrong && !dotted, label.message],
  );
}

/** `my.name`, at most 253 long. */
export function validateDns1123Subdomain(value: string): string[] {
  return problems(tooLong(value, SUBDOMAIN_LENGTH_MAX), [!subdomain.pattern.test(value), subdomain.message]);
}

export function validateDns1123SubdomainCaseless(value: string): string[] {
  const wrong = !subdomain.pattern.test(value.toLowerCase());
  return problems(
    [byteLength(value) > SUBDOMAIN_LENGTH_MAX, maxBytesError(SUBDOMAIN_LENGTH_MAX)],
    [wrong, caselessSubdomain.message],
  );
}

export function validateDns1123SubdomainWithUnderscore(value: string): string[] {
  const wrong = !underscoreSubdomain.pattern.test(value);
  return problems(tooLong(value, SUBDOMAIN_LENGTH_MAX), [wrong, underscoreSubdomain.message]);
}

/** As a DNS-1123 label, but starting with a letter: names of Services. */
export function validateDns1035Label(value: string): string[] {
  return problems(tooLong(value, LABEL_LENGTH_MAX), [!label1035.pattern.test(value), label1035.message]);
}

/** `*.example.com`. */
export function validateWildcardDns1123Subdomain(value: string): string[] {
  return problems(tooLong(value, SUBDOMAIN_LENGTH_MAX), [!wildcard.pattern.test(value), wildcard.message]);
}

/** A name with at least three labels: names of signers. That it is not empty is up to callers. */
export function validateFullyQualifiedName(value: string): string[] {
  const found = validateDns1123Subdomain(value);
  if (found.length > 0) return [found.join(',')];
  if (value.split('.').length < 3) return ['should be a domain with at least three segments separated by dots'];
  return [];
}

/** A name with at least two labels, a dot at the end allowed: search domains and the like. */
export function validateFullyQualifiedDomainName(value: string): string[] {
  const name = value.endsWith('.') ? value.slice(0, -1) : value;
  const found = validateDns1123Subdomain(name);
  if (found.length > 0) return [found.join(',')];
  const labels = name.split('.');
  if (labels.length < 2) return ['should be a domain with at least two segments separated by dots'];
  for (const part of labels) {
    const wrong = validateDns1123Label(part);
    if (wrong.length > 0) return [wrong.join(',')];
  }
  return [];
}

/** Replaces the dash at the end of a `generateName`, to which a suffix will be appended. */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

/** Checks a name; `prefix` is true for `generateName`. */
export type NameValidator = (name: string, prefix: boolean) => string[];

export const nameIsDnsSubdomain: NameValidator = (name, prefix) =>
  validateDns1123Subdomain(prefix ? maskTrailingDash(name) : name);

export const nameIsDnsLabel: NameValidator = (name, prefix) =>
  validateDns1123Label(prefix ? maskTrailingDash(name) : name);

export const nameIsDns1035Label: NameValidator = (name, prefix) =>
  validateDns1035Label(prefix ? maskTrailingDash(name) : name);

/** Any name that can be one segment of a URL path: RBAC objects and others without a stricter rule. */
export const nameIsPathSegment: NameValidator = (name, prefix) =>
  prefix ? validatePathSegmentPrefix(name) : validatePathSegmentName(name);

export function validatePathSegmentName(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return validatePathSegmentPrefix(name);
}

export function validatePathSegmentPrefix(name: string): string[] {
  return problems([name.includes('/'), "may not contain '/'"], [name.includes('%'), "may not contain '%'"]);
}
