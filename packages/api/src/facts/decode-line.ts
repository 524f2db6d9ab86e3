/** One line of the generated table to one TypeFact. Written by tools/gen/emit-facts.ts. */
import type { FieldFact, TypeFact } from '../schema.ts';

interface FieldExtras {
  readonly p?: readonly number[];
  readonly b?: readonly string[];
  readonly g?: string;
  readonly d?: unknown;
  readonly e?: readonly string[];
  readonly l?: FieldFact['listType'];
  readonly k?: readonly string[];
  readonly s?: FieldFact['patchStrategy'];
  readonly m?: string;
}
type FieldRow = readonly [name: string, type: string, flags: number, proto: number, extras?: FieldExtras];
type TypeRow = readonly [flags: number, fields: readonly FieldRow[], extras?: { readonly u: unknown }];

const SHAPES = ['single', 'list', 'map'] as const;
const REQUIRED = 4;
const POINTER = 8;
const EMIT = 16;
const ATOMIC = 32;
const GRANULAR = 64;

/** `definitionPrefix` is the package's, `io.k8s.api.core.v1`. */
export function decodeTypeLine(line: string, definitionPrefix: string): TypeFact {
  const tab = line.indexOf('\t');
  const id = line.slice(0, tab);
  const [flags, rows, extras] = JSON.parse(line.slice(tab + 1)) as TypeRow;
  const definition = `${definitionPrefix}.${id.slice(id.lastIndexOf('.') + 1)}`;
  return {
    id,
    definition,
    fields: rows.map(decodeField),
    atomic: (flags & 1) !== 0,
    unions: extras?.u,
  };
}

/** All members are always present: one hidden class for all fields keeps every reader fast. */
function decodeField([name, type, flags, proto, extras]: FieldRow): FieldFact {
  return {
    name,
    type,
    shape: SHAPES[flags & 3] as FieldFact['shape'],
    proto,
    protoPath: extras?.p,
    embeds: extras?.b,
    required: (flags & REQUIRED) !== 0,
    pointer: (flags & POINTER) !== 0,
    emit: (flags & EMIT) !== 0,
    goName: extras?.g,
    default: extras?.d,
    enum: extras?.e,
    listType: extras?.l,
    listMapKeys: extras?.k,
    atomic: (flags & ATOMIC) !== 0 ? true : (flags & GRANULAR) !== 0 ? false : undefined,
    patchStrategy: extras?.s,
    patchMergeKey: extras?.m,
  };
}
