/** Keys and values of labels. Source: apimachinery/pkg/api/validate/content/kube.go. */
import { validateDns1123Subdomain } from './dns.ts';
import { byteLength, defineFormat, EMPTY_ERROR, maxBytesError, problems } from './messages.ts';

const LENGTH_MAX = 63;
const NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const CONSISTS =
  "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

const keyName = defineFormat(`must ${CONSISTS}`, NAME, 'MyName', 'my.name', '123-abc');
const labelValue = defineFormat(
  `a valid label must be an empty string or ${CONSISTS}`,
  `(${NAME})?`,
  'MyValue',
  'my_value',
  '12345',
);

/** `app` or `example.com/app`: keys of labels and annotations, finalizers, condition types, resource names. */
export function validateQualifiedName(value: string): string[] {
  // What almost every key is: the rest is for saying what is wrong with the others.
  if (value.length <= LENGTH_MAX && keyName.pattern.test(value)) return [];
  const parts = value.split('/');
  if (parts.length > 2) {
    const suffix = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    return [`a valid label key ${keyName.message}${suffix}`];
  }
  const name = parts[parts.length - 1] ?? '';
  return [
    ...(parts.length === 2 ? validatePrefix(parts[0] ?? '') : []),
    ...problems(
      [name === '', `name part ${EMPTY_ERROR}`],
      [byteLength(name) > LENGTH_MAX, `name part ${maxBytesError(LENGTH_MAX)}`],
      [!keyName.pattern.test(name), `name part ${keyName.message}`],
    ),
  ];
}

function validatePrefix(prefix: string): string[] {
  if (prefix === '') return [`prefix part ${EMPTY_ERROR}`];
  // This one limit upstream counts in bytes, where the validator of plain names says characters.
  return validateDns1123Subdomain(prefix).map((message) => `prefix part ${message.replace(/ characters$/, ' bytes')}`);
}

/** The value of a label, empty allowed. */
export function validateLabelValue(value: string): string[] {
  if (value.length <= LENGTH_MAX && labelValue.pattern.test(value)) return [];
  return problems(
    [byteLength(value) > LENGTH_MAX, maxBytesError(LENGTH_MAX)],
    [!labelValue.pattern.test(value), labelValue.message],
  );
}
