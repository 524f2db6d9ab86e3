/** What strategic merge patch knows about a field. Source: apimachinery/pkg/util/strategicpatch/meta.go. */
import type { FieldFact, TypeFacts } from '../schema.ts';
import { unexpectedPatch } from './errors.ts';

/** The type of a value: a struct by id, or the Go kind of all else. */
export interface PatchType {
  readonly typeId: string | undefined;
  readonly goKind: string;
}

export interface PatchField {
  /** Of the value, or of the items of a list. */
  readonly type: PatchType;
  readonly strategy: 'merge' | 'replace' | undefined;
  readonly mergeKey: string;
}

/** Looks fields up by the generated facts. Throws ApiError (500) for a field that the type has not, as upstream. */
export class PatchSchema {
  readonly #facts: TypeFacts;

  constructor(facts: TypeFacts) {
    this.#facts = facts;
  }

  object(parent: PatchType, key: string): PatchField {
    const field = this.#field(parent, key);
    if (field.shape !== 'single')
      return describe(field, { typeId: undefined, goKind: field.shape === 'list' ? 'slice' : 'map' });
    return describe(field, typeOf(field));
  }

  list(parent: PatchType, key: string): PatchField {
    const field = this.#field(parent, key);
    if (field.shape !== 'list') {
      throw unexpectedPatch(`expected slice or array type, but got: ${parent.goKind}`);
    }
    return describe(field, typeOf(field));
  }

  #field({ typeId, goKind }: PatchType, key: string): FieldFact {
    if (typeId === undefined) {
      throw unexpectedPatch(`merging an object in json but data type is not struct, instead is: ${goKind}`);
    }
    const field = this.#facts.field(typeId, key);
    if (field !== undefined) return field;
    const name = typeId.slice(typeId.lastIndexOf('.') + 1);
    throw unexpectedPatch(`unable to find api field in struct ${name} for the json field ${JSON.stringify(key)}`);
  }
}

function describe(field: FieldFact, type: PatchType): PatchField {
  const strategy = field.patchStrategy?.find((name) => name !== 'retainKeys') as 'merge' | 'replace' | undefined;
  return { type, strategy, mergeKey: field.patchMergeKey ?? '' };
}

function typeOf({ type }: FieldFact): PatchType {
  return type.includes('.') ? { typeId: type, goKind: 'struct' } : { typeId: undefined, goKind: type };
}
