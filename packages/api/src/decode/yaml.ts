/** YAML documents as sigs.k8s.io/yaml reads them: YAML 1.1 scalars, JSON values only, duplicates by line. */
import { isMap, isScalar, Lexer, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, YAMLMap } from 'yaml';
import { exactNumber, mayHoldLongIntegers } from '@kapella/base';
import { TextError } from './text-error.ts';

export interface ParsedYaml {
  readonly value: unknown;
  /** `line 9: key "foo" already set in map`, in document order. */
  readonly duplicates: readonly string[];
}

const ALIASES_MAX = 100; // a document that expands into millions of nodes is refused
const ERROR_HEAD = 'yaml:';
/** Of brackets within brackets, as go-yaml has it: deeper ones would take minutes. */
const DEPTH_MAX = 10_000;

/** Throws TextError with a message that begins as upstream's. `isExact`: integers beyond 2^53 are bigints, as in `parseExactJson`. */
export function parseYaml(text: string, isExact = false): ParsedYaml {
  if (mayBeTooDeep(text) && isTooDeep(text)) throw new TextError(`${ERROR_HEAD} exceeded max depth of ${DEPTH_MAX}`);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.1',
    uniqueKeys: false,
    intAsBigInt: isExact && mayHoldLongIntegers(text),
    lineCounter: lines,
    logLevel: 'silent',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isForeign(tag)),
  });
  const error = document.errors[0];
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    const reason = error.message.replace(/ at line [\s\S]*$/, '');
    throw new TextError(`${ERROR_HEAD} ${line === undefined ? '' : `line ${line}: `}${reason}`);
  }
  const duplicates = findDuplicates(document, lines);
  try {
    return { value: document.toJS({ maxAliasCount: ALIASES_MAX, reviver: plainIntegers }) as unknown, duplicates };
  } catch (cause) {
    throw new TextError(`${ERROR_HEAD} ${(cause as Error).message}`, { cause });
  }
}

/** Those that are exact as numbers are numbers. */
function plainIntegers(_key: unknown, value: unknown): unknown {
  return typeof value === 'bigint' ? exactNumber(value) : value;
}

/** Quick, and true as well of texts whose scalars hold many brackets. */
function mayBeTooDeep(text: string): boolean {
  if (text.length <= DEPTH_MAX) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5b || code === 0x7b) depth++;
    else if ((code === 0x5d || code === 0x7d) && depth > 0) depth--;
    if (depth > DEPTH_MAX) return true;
  }
  return false;
}

/** By the tokens of the text, of which no more are read than it takes. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (depth > DEPTH_MAX) return true;
  }
  return false;
}

/** The strict error that upstream makes of duplicates; undefined without any. */
export function yamlStrictError(duplicates: readonly string[]): string | undefined {
  if (duplicates.length === 0) return undefined;
  return `${ERROR_HEAD} unmarshal errors:\n${duplicates.map((d) => `  ${d}`).join('\n')}`;
}

function findDuplicates(document: Document.Parsed, lines: LineCounter): string[] {
  const found: string[] = [];
  visit(document, {
    Map(_key, map: YAMLMap) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        const line = key.range === undefined || key.range === null ? 0 : lines.linePos(key.range[0]).line;
        if (seen.has(name) && !isMerge(name))
          found.push(`line ${line}: key ${JSON.stringify(key.value)} already set in map`);
        seen.add(name);
      }
      return isMap(map) ? undefined : visit.SKIP;
    },
  });
  return found;
}

function isMerge(name: string): boolean {
  return name === '<<';
}

/** Scalars of YAML 1.1 that go-yaml leaves as strings: timestamps, base-60 numbers, binary data. */
function isForeign(tag: { readonly tag: string; readonly format?: string }): boolean {
  return tag.format === 'TIME' || tag.tag === 'tag:yaml.org,2002:timestamp' || tag.tag === 'tag:yaml.org,2002:binary';
}
