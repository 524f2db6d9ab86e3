/** The shape of the generated type facts: what patch, apply, decoding, protobuf and OpenAPI are driven by. */

/** One field of one type. Absent members mean "no". */
export interface FieldFact {
  /** JSON name. */
  readonly name: string;
  /**
   * A scalar (`string boolean int32 int64 double bytes Time MicroTime Duration Quantity IntOrString RawExtension
   * FieldsV1 JSON StringList JSONSchemaPropsOrArray JSONSchemaPropsOrBool JSONSchemaPropsOrStringArray`) or the id of
   * another type (`core/v1.PodSpec`, `meta/v1.ObjectMeta`). Ids have a dot, scalars have none.
   */
  readonly type: string;
  readonly shape: 'single' | 'list' | 'map';
  /** Protobuf field number; 0 when the field has none. */
  readonly proto: number;
  /** Numbers of the embedded messages the field is in, outermost first: an inlined Go struct is a message of its own. */
  readonly protoPath?: readonly number[];
  /** Go names of the embedded structs the field is in, outermost first: decoding errors quote them. */
  readonly embeds?: readonly string[];
  /** A Go pointer: absent and zero are different values. */
  readonly pointer?: boolean;
  /** Written even when zero (no omitempty, or a struct): readers may rely on its presence. */
  readonly emit?: boolean;
  /** Go name of a named scalar, `v1.Protocol`: decoding errors quote it. */
  readonly goName?: string;
  readonly required?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  /** x-kubernetes-list-type; a list without one is atomic to server-side apply. */
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  /** x-kubernetes-map-type: true is `atomic`, apply replaces the whole value; false is `granular`, overriding the type's. */
  readonly atomic?: boolean;
  /** Strategic merge patch. `retainKeys` may be combined with either. */
  readonly patchStrategy?: readonly ('merge' | 'replace' | 'retainKeys')[];
  readonly patchMergeKey?: string;
}

export interface TypeFact {
  /** `core/v1.Pod`: group without its `.k8s.io` tail's meaning lost, i.e. Go package path tail: `apps/v1`, `core/v1`, `meta/v1`. */
  readonly id: string;
  /** OpenAPI v2 definition name, e.g. `io.k8s.api.core.v1.Pod`. */
  readonly definition: string;
  readonly fields: readonly FieldFact[];
  /** x-kubernetes-map-type `atomic` on the type itself. */
  readonly atomic?: boolean;
  /** x-kubernetes-unions, kept for OpenAPI. */
  readonly unions?: unknown;
}

/** Type facts by id. Unknown ids answer undefined. */
export interface TypeFacts {
  type(id: string): TypeFact | undefined;
  /** The field by JSON name; O(1). */
  field(typeId: string, name: string): FieldFact | undefined;
}
