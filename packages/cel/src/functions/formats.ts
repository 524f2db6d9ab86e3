/** Named formats. Source: apiserver/pkg/cel/library/format.go. */
import {
  stringFormat,
  validateDns1035Label,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateLabelValue,
  validateQualifiedName,
} from '@kapella/api';

type Check = (text: string) => readonly string[];

/** What is only the beginning of a name may end in a dash. */
const prefixOf =
  (check: Check): Check =>
  (text) =>
    check(text.endsWith('-') ? `${text.slice(0, -1)}a` : text);

const matching = (format: string, message: (text: string) => string): Check => {
  const check = stringFormat(format);
  return (text) => (check?.(text) === true ? [] : [message(text)]);
};

const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['dns1123Label', validateDns1123Label],
  ['dns1123Subdomain', validateDns1123Subdomain],
  ['dns1035Label', validateDns1035Label],
  ['dns1123LabelPrefix', prefixOf(validateDns1123Label)],
  ['dns1123SubdomainPrefix', prefixOf(validateDns1123Subdomain)],
  ['dns1035LabelPrefix', prefixOf(validateDns1035Label)],
  ['qualifiedName', validateQualifiedName],
  ['labelValue', validateLabelValue],
  ['uri', matching('uri', (text) => `parse ${JSON.stringify(text)}: invalid URI for request`)],
  ['uuid', matching('uuid', () => 'does not match the UUID format')],
  ['byte', matching('byte', () => 'invalid base64')],
  ['date', matching('date', () => 'invalid date')],
  ['datetime', matching('date-time', () => 'invalid datetime')],
]);

export function isFormatName(name: string): boolean {
  return CHECKS.has(name);
}

/** What is wrong with the text; empty: nothing. */
export function formatCheck(name: string, text: string): readonly string[] {
  return CHECKS.get(name)?.(text) ?? [];
}
