/** `--config FILE`: kapella.dev/v1alpha1 ClusterConfiguration in YAML. Unknown fields are errors with their place. */
import { isMap, isScalar, LineCounter, parseDocument, type Scalar, type YAMLMap } from 'yaml';
import { CliError } from './cli-error.ts';
import { type GivenOptions, OPTION_SPECS } from './options.ts';
import { nearest } from './suggest.ts';

export const CONFIG_API_VERSION = 'kapella.dev/v1alpha1';
export const CONFIG_KIND = 'ClusterConfiguration';

/** The options that the file gives. Throws CliError Usage: `FILE:LINE:COLUMN: what`, with what to write instead. */
export function parseConfigFile(text: string, file: string): GivenOptions {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${file}:${line}:${col}`;
  };
  const [broken] = document.errors;
  if (broken !== undefined) {
    const reason = broken.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '');
    throw new CliError('Usage', `${at(broken.pos[0])}: ${reason}`, 'Mend the YAML.');
  }
  if (!isMap(document.contents)) {
    throw new CliError(
      'Usage',
      `${at(0)}: the file is no mapping`,
      `Start it with \`apiVersion: ${CONFIG_API_VERSION}\`.`,
    );
  }
  const map = document.contents as YAMLMap<Scalar<string>>;
  requireHeader(map, 'apiVersion', CONFIG_API_VERSION, file);
  requireHeader(map, 'kind', CONFIG_KIND, file);
  return readFields(map, at);
}

function requireHeader(map: YAMLMap, key: string, expected: string, file: string): void {
  if (map.get(key) === expected) return;
  throw new CliError('Usage', `${file}: ${key} must be ${expected}`, `Write \`${key}: ${expected}\`.`);
}

function readFields(map: YAMLMap, at: (offset: number | undefined) => string): GivenOptions {
  const given: Record<string, string> = {};
  for (const { key, value } of map.items) {
    const field = isScalar(key) ? String(key.value) : '';
    if (field === 'apiVersion' || field === 'kind') continue;
    given[field] = readField(field, isScalar(key) ? key.range?.[0] : undefined, value, at);
  }
  return given as GivenOptions;
}

function readField(
  field: string,
  offset: number | undefined,
  value: unknown,
  at: (offset: number | undefined) => string,
): string {
  const names = OPTION_SPECS.map((spec) => spec.field as string);
  const spec = OPTION_SPECS.find((candidate) => candidate.field === field);
  if (spec === undefined) {
    const near = nearest(field, names);
    const fix = near === undefined ? `Known fields: ${names.join(', ')}.` : `Did you mean ${near}?`;
    throw new CliError('Usage', `${at(offset)}: unknown field "${field}"`, fix);
  }
  if (!isScalar(value) || value.value === null) {
    throw new CliError('Usage', `${at(offset)}: ${field} must be a single value`, `Write \`${field}: ${spec.value}\`.`);
  }
  const text = String(value.value);
  const problem = spec.check(text);
  if (problem !== undefined) {
    throw new CliError('Usage', `${at(value.range?.[0])}: ${field} ${JSON.stringify(text)}: ${problem}`, spec.help);
  }
  return text;
}
