/** Reads the type declarations of a gofmt'd Go file: structs, named types, string constants, comment markers. */

export interface GoField {
  /** Go name; for an embedded field the name of its type. */
  readonly goName: string;
  /** Type expression as written, `*metav1.Time`. */
  readonly type: string;
  readonly embedded: boolean;
  /** JSON name; '' when the field is inlined, '-' when it is not written. */
  readonly json: string;
  readonly jsonOptions: readonly string[];
  /** Number in the protobuf tag; 0 without one. */
  readonly proto: number;
  readonly tags: Readonly<Record<string, string>>;
  /** `+name=value` comment lines, without the plus sign. */
  readonly markers: readonly string[];
  readonly doc: string;
}

export interface GoType {
  readonly name: string;
  readonly kind: 'struct' | 'named';
  /** For a named type: what it is made of, `string`, `map[ResourceName]resource.Quantity`. */
  readonly underlying: string;
  readonly markers: readonly string[];
  readonly fields: readonly GoField[];
}

export interface GoConstant {
  readonly name: string;
  readonly type: string;
  readonly value: string | undefined;
  /** The constant it converts, `v1.IPv4Protocol`, where it has no value of its own. */
  readonly reference: string | undefined;
}

export interface GoFile {
  /** Import alias -> import path. */
  readonly imports: ReadonlyMap<string, string>;
  readonly types: readonly GoType[];
  /** Constants of a named string type. */
  readonly constants: readonly GoConstant[];
}

interface Reader {
  readonly lines: readonly string[];
  at: number;
}

const TAG = /^([A-Za-z0-9_]+):"((?:[^"\\]|\\.)*)"\s*/;

export function parseGoFile(text: string): GoFile {
  const reader: Reader = { lines: text.replace(/\/\*[\s\S]*?\*\//g, '').split('\n'), at: 0 };
  const imports = new Map<string, string>();
  const types: GoType[] = [];
  const constants: GoConstant[] = [];
  let comments: string[] = [];
  while (reader.at < reader.lines.length) {
    const line = reader.lines[reader.at++] as string;
    const trimmed = line.trim();
    if (trimmed.startsWith('//')) {
      comments.push(trimmed);
      continue;
    }
    if (line === 'import (') readImports(reader, imports);
    else if (line.startsWith('import ')) readImport(line.slice(7), imports);
    else if (line === 'const (') readConstants(reader, constants);
    else if (line.startsWith('const ')) readConstant(line.slice(6), constants);
    else if (line.startsWith('type ')) types.push(readType(reader, line, comments));
    else if (trimmed === '') continue; // a marker block may be separated from its type by an empty line
    comments = [];
  }
  return { imports, types, constants };
}

function readImports(reader: Reader, imports: Map<string, string>): void {
  for (;;) {
    const line = (reader.lines[reader.at++] as string).trim();
    if (line === ')') return;
    readImport(line, imports);
  }
}

function readImport(line: string, imports: Map<string, string>): void {
  const match = /^(?:(\S+)\s+)?"([^"]+)"/.exec(line);
  if (match === null) return;
  const path = match[2] as string;
  imports.set(match[1] ?? (path.split('/').at(-1) as string), path);
}

function readConstants(reader: Reader, constants: GoConstant[]): void {
  for (;;) {
    const line = (reader.lines[reader.at++] as string).trim();
    if (line === ')') return;
    readConstant(line, constants);
  }
}

function readConstant(line: string, constants: GoConstant[]): void {
  const typed = /^(\w+)\s+(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"/.exec(line.trim());
  const converted = /^(\w+)\s+=\s*(\w+)\((?:"((?:[^"\\]|\\.)*)"|([\w.]+))\)/.exec(line.trim());
  const [, name, type, value, reference] = typed ?? converted ?? [];
  if (name !== undefined && type !== undefined) constants.push({ name, type, value, reference });
}

function readType(reader: Reader, line: string, comments: readonly string[]): GoType {
  const match = /^type (\w+) (=\s*)?(.*)$/.exec(line);
  if (match === null) throw new Error(`cannot read the declaration ${line}`);
  const name = match[1] as string;
  const rest = (match[3] as string).replace(/\s*\/\/.*$/, '').trim();
  const markers = markersOf(comments);
  if (rest === 'struct {') return { name, kind: 'struct', underlying: '', markers, fields: readFields(reader) };
  if (rest === 'struct{}') return { name, kind: 'struct', underlying: '', markers, fields: [] };
  if (rest.endsWith('{')) skipBlock(reader);
  return { name, kind: 'named', underlying: rest, markers, fields: [] };
}

function skipBlock(reader: Reader): void {
  while (reader.lines[reader.at] !== '}') reader.at++;
  reader.at++;
}

function readFields(reader: Reader): GoField[] {
  const fields: GoField[] = [];
  let comments: string[] = [];
  for (;;) {
    const line = (reader.lines[reader.at++] as string).trim();
    if (line === '}') return fields;
    if (line.startsWith('//')) comments.push(line);
    else if (line !== '') {
      const field = readField(line, comments);
      if (field !== undefined) fields.push(field);
      comments = [];
    }
  }
}

function readField(line: string, comments: readonly string[]): GoField | undefined {
  const match = /^([^`]*?)\s*(?:`([^`]*)`)?\s*(?:\/\/.*)?$/.exec(line);
  const declaration = (match?.[1] ?? '').replace(/\s*\/\/.*$/, '').trim();
  const parts = /^(\w+)\s+(\S.*)$/.exec(declaration);
  const type = parts === null ? declaration : (parts[2] as string);
  const goName = parts === null ? (type.replace('*', '').split('.').at(-1) as string) : (parts[1] as string);
  if (!/^[A-Z]/.test(goName)) return undefined;
  const tags = readTags(match?.[2] ?? '');
  const [json = '', ...jsonOptions] = (tags['json'] ?? '').split(',');
  const proto = Number(/^\w+,(\d+),/.exec(tags['protobuf'] ?? '')?.[1] ?? 0);
  const doc = comments.map((c) => c.replace(/^\/\/ ?/, '')).join('\n');
  return { goName, type, embedded: parts === null, json, jsonOptions, proto, tags, markers: markersOf(comments), doc };
}

function readTags(text: string): Record<string, string> {
  const tags: Record<string, string> = Object.create(null) as Record<string, string>;
  let rest = text.trim();
  for (;;) {
    const match = TAG.exec(rest);
    if (match === null) return tags;
    tags[match[1] as string] = match[2] as string;
    rest = rest.slice(match[0].length);
  }
}

function markersOf(comments: readonly string[]): string[] {
  return comments.flatMap((line) => /^\/\/\s*\+(.*)$/.exec(line)?.[1]?.trim() ?? []);
}
