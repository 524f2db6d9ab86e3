/** Short values of many fields: ports, variables, headers, keys. Source: apimachinery/pkg/util/validation. */
import { validateDns1123Subdomain } from './dns.ts';
import { validateQualifiedName } from './labels.ts';
import { byteLength, defineFormat, maxLengthError, problems, rangeError } from './messages.ts';

const PORT_MAX = 65_535;
const ID_MAX = 2 ** 31 - 1;
const PORT_NAME_LENGTH_MAX = 15;
const CONFIG_KEY_LENGTH_MAX = 253;

const cIdentifier = defineFormat(
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters " +
    "or '_'",
  '[A-Za-z_][A-Za-z0-9_]*',
  'my_name',
  'MY_NAME',
  'MyName',
);
const percent = defineFormat(
  "a valid percent string must be a numeric string followed by an ending '%'",
  '[0-9]+%',
  '1%',
  '93%',
);
const headerName = defineFormat(
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  '[-A-Za-z0-9]+',
  'X-Header-Name',
);
const envVarName = defineFormat(
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not " +
    'start with a digit',
  '[-._a-zA-Z][-._a-zA-Z0-9]*',
  'my.env-name',
  'MY_ENV.NAME',
  'MyEnvName1',
);
const configKey = defineFormat(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  '[-._a-zA-Z0-9]+',
  'key.name',
  'KEY_NAME',
  'key-name',
);
const httpPath = defineFormat('Invalid path', "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+");
const conditionReason = defineFormat(
  'a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric ' +
    "characters or '_,:', and must end with an alphanumeric character or '_'",
  '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?',
  'my_name',
  'MY_NAME',
  'MyName',
  'ReasonA,ReasonB',
  'ReasonA:ReasonB',
);

export function validateCIdentifier(value: string): string[] {
  return problems([!cIdentifier.pattern.test(value), cIdentifier.message]);
}

export function validateInRange(value: number, low: number, high: number): string[] {
  return value >= low && value <= high ? [] : [rangeError(low, high)];
}

/** 1 to 65535. */
export function validatePortNumber(port: number): string[] {
  return validateInRange(port, 1, PORT_MAX);
}

export function validateUserId(id: number): string[] {
  return validateInRange(id, 0, ID_MAX);
}

export function validateGroupId(id: number): string[] {
  return validateInRange(id, 0, ID_MAX);
}

/** An IANA service name: names of ports. */
export function validatePortName(port: string): string[] {
  return problems(
    [byteLength(port) > PORT_NAME_LENGTH_MAX, maxLengthError(PORT_NAME_LENGTH_MAX)],
    [!/^[-a-z0-9]+$/.test(port), 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'],
    [!/[a-z]/.test(port), 'must contain at least one letter (a-z)'],
    [port.includes('--'), 'must not contain consecutive hyphens'],
    [port.startsWith('-') || port.endsWith('-'), 'must not begin or end with a hyphen'],
  );
}

/** `25%`. */
export function validatePercent(value: string): string[] {
  return problems([!percent.pattern.test(value), percent.message]);
}

export function validateHttpHeaderName(value: string): string[] {
  return problems([!headerName.pattern.test(value), headerName.message]);
}

/** The strict rule for names of environment variables; 1.36 applies the relaxed one by default. */
export function validateEnvVarName(value: string): string[] {
  return [...problems([!envVarName.pattern.test(value), envVarName.message]), ...parentPathProblems(value)];
}

/** Any printable ASCII but `=`. */
export function validateRelaxedEnvVarName(value: string): string[] {
  return problems(
    [value === '', 'environment variable name must be non-empty'],
    [
      /[^\x20-\x7e]|=/.test(value),
      "a valid environment variable name must consist only of printable ASCII characters other than '='",
    ],
  );
}

/** A key of a ConfigMap or Secret. */
export function validateConfigMapKey(value: string): string[] {
  return [
    ...problems(
      [byteLength(value) > CONFIG_KEY_LENGTH_MAX, maxLengthError(CONFIG_KEY_LENGTH_MAX)],
      [!configKey.pattern.test(value), configKey.message],
    ),
    ...parentPathProblems(value),
  ];
}

/** `reason` of a metav1.Condition; the format only, not the length. */
export function validateConditionReason(value: string): string[] {
  return problems([!conditionReason.pattern.test(value), conditionReason.message]);
}

/** `acme.io/foo`, the path as in HTTP. */
export function validateDomainPrefixedPath(value: string): string[] {
  const slash = value.indexOf('/');
  if (slash <= 0 || slash === value.length - 1) return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  const found = validateDns1123Subdomain(value.slice(0, slash));
  return httpPath.pattern.test(value.slice(slash + 1)) ? found : [...found, httpPath.message];
}

/** `acme.io/foo`, a qualified name whose prefix is required. */
export function validateDomainPrefixedKey(value: string): string[] {
  const found = validateQualifiedName(value);
  if (found.length > 0 || value.includes('/')) return found;
  return ['must be a domain-prefixed key (such as "acme.io/foo")'];
}

/** `7`, `-7`, `0`: no sign, zero or space too many. */
export function validateDecimalInteger(value: string): string[] {
  if (value === '') return ['must be non-empty'];
  return /^(0|-?[1-9][0-9]*)$/.test(value) ? [] : ['must be a valid decimal integer in canonical form'];
}

/** A key becomes a file name: it must not lead out of its directory. */
function parentPathProblems(value: string): string[] {
  if (value === '.' || value === '..') return [`must not be '${value}'`];
  return problems([value.startsWith('..'), "must not start with '..'"]);
}
