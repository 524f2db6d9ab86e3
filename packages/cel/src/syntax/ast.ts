/** The tree of an expression. Macros are nodes of their own: they are no functions. */

export type Literal =
  | { readonly type: 'int' | 'uint'; readonly value: bigint }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'null'; readonly value: null };

export type ComprehensionMacro =
  | 'all'
  | 'exists'
  | 'existsOne'
  | 'map'
  | 'filter'
  | 'transformList'
  | 'transformMap'
  | 'transformMapEntry';

interface Positioned {
  /** Offset in the source, in characters, for errors. */
  readonly at: number;
}

export interface Entry {
  readonly key: Node;
  readonly value: Node;
  /** `?key: value`: left out when the value is an empty optional. */
  readonly optional: boolean;
}

export type Node = Positioned &
  (
    | { readonly kind: 'literal'; readonly literal: Literal }
    | { readonly kind: 'ident'; readonly name: string }
    | { readonly kind: 'select'; readonly operand: Node; readonly field: string; readonly optional: boolean }
    /** `has(a.b)` */
    | { readonly kind: 'has'; readonly operand: Node; readonly field: string }
    | { readonly kind: 'index'; readonly operand: Node; readonly key: Node; readonly optional: boolean }
    /** Operators are calls too: `_+_`, `!_`, `_?_:_`. */
    | {
        readonly kind: 'call';
        readonly name: string;
        readonly target: Node | undefined;
        readonly args: readonly Node[];
      }
    | { readonly kind: 'list'; readonly items: readonly Node[]; readonly optional: readonly boolean[] }
    | { readonly kind: 'map'; readonly entries: readonly Entry[] }
    | {
        readonly kind: 'struct';
        readonly name: string;
        readonly fields: readonly (Entry & { readonly name: string })[];
      }
    | {
        readonly kind: 'comprehension';
        readonly macro: ComprehensionMacro;
        readonly range: Node;
        readonly variables: readonly string[];
        /** Of map and transform*: which are taken. */
        readonly filter: Node | undefined;
        readonly body: Node;
      }
    /** `cel.bind(name, value, body)`; also optMap and optFlatMap, whose value is what the optional holds. */
    | {
        readonly kind: 'bind';
        readonly form: 'bind' | 'optMap' | 'optFlatMap';
        readonly variable: string;
        readonly value: Node;
        readonly body: Node;
      }
  );

export interface Issue {
  readonly at: number;
  readonly message: string;
}
