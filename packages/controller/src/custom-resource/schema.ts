/** Structural schemas whose TypeScript types follow from them: one source for the CustomResourceDefinition and the code. */

/** What a field of a custom resource is. `T`: the type of its values. */
export interface Schema<T> {
  /** OpenAPI v3, as CustomResourceDefinitions hold it. */
  readonly openApi: Readonly<Record<string, unknown>>;
  readonly isOptional: boolean;
  /** Only for the type checker; never present. */
  readonly __value?: T;
}

export interface OptionalSchema<T> extends Schema<T> {
  readonly isOptional: true;
}

/** The type of the values that a schema admits. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

type Fields = Readonly<Record<string, Schema<unknown>>>;
type RequiredKeys<F extends Fields> = { [K in keyof F]: F[K] extends OptionalSchema<unknown> ? never : K }[keyof F];
type OptionalKeys<F extends Fields> = Exclude<keyof F, RequiredKeys<F>>;
type ObjectOf<F extends Fields> = { readonly [K in RequiredKeys<F>]: Infer<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Infer<F[K]>;
};

export interface Common {
  readonly description?: string;
  /** CEL rules: `{ rule: 'self.max >= self.min', message: '…' }`. */
  readonly rules?: readonly { readonly rule: string; readonly message?: string }[];
}

const make = <T>(openApi: Record<string, unknown>, { description, rules }: Common): Schema<T> => ({
  isOptional: false,
  openApi: {
    ...openApi,
    ...(description !== undefined && { description }),
    ...(rules !== undefined && { 'x-kubernetes-validations': rules }),
  },
});

interface TextLimits extends Common {
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
}

interface NumberLimits extends Common {
  readonly minimum?: number;
  readonly maximum?: number;
}

interface ListLimits extends Common {
  readonly minItems?: number;
  readonly maxItems?: number;
  /** `map`: items are merged by these keys, as containers are by name. */
  readonly mapKeys?: readonly string[];
}

/** Builders of schemas. `schema.optional(x)`: the field may be absent; `schema.withDefault(x, v)`: it then is `v`. */
export const schema = {
  string: ({ pattern, minLength, maxLength, ...common }: TextLimits = {}): Schema<string> =>
    make(defined({ type: 'string', pattern, minLength, maxLength }), common),
  oneOf: <const V extends string>(values: readonly V[], common: Common = {}): Schema<V> =>
    make({ type: 'string', enum: values }, common),
  integer: ({ minimum, maximum, ...common }: NumberLimits = {}): Schema<number> =>
    make(defined({ type: 'integer', minimum, maximum }), common),
  number: ({ minimum, maximum, ...common }: NumberLimits = {}): Schema<number> =>
    make(defined({ type: 'number', minimum, maximum }), common),
  boolean: (common: Common = {}): Schema<boolean> => make({ type: 'boolean' }, common),
  /** RFC 3339. */
  time: (common: Common = {}): Schema<string> => make({ type: 'string', format: 'date-time' }, common),
  array: <T>(items: Schema<T>, { minItems, maxItems, mapKeys, ...common }: ListLimits = {}): Schema<readonly T[]> =>
    make(
      defined({
        type: 'array',
        items: items.openApi,
        minItems,
        maxItems,
        'x-kubernetes-list-type': mapKeys === undefined ? undefined : 'map',
        'x-kubernetes-list-map-keys': mapKeys,
      }),
      common,
    ),
  map: <T>(values: Schema<T>, common: Common = {}): Schema<Readonly<Record<string, T>>> =>
    make({ type: 'object', additionalProperties: values.openApi }, common),
  /** Anything at all; nothing below it is checked or pruned. */
  free: (common: Common = {}): Schema<Readonly<Record<string, unknown>>> =>
    make({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, common),
  object: <const F extends Fields>(fields: F, common: Common = {}): Schema<ObjectOf<F>> => {
    // What has a default may be left out, and kubectl looks before the server has filled it in.
    const isRequired = ({ isOptional, openApi }: Schema<unknown>) => !isOptional && !Object.hasOwn(openApi, 'default');
    const required = Object.entries(fields).flatMap(([name, field]) => (isRequired(field) ? [name] : []));
    const properties = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.openApi]));
    return make({ type: 'object', properties, ...(required.length > 0 && { required }) }, common);
  },
  optional: <T>({ openApi }: Schema<T>): OptionalSchema<T> => ({ openApi, isOptional: true }),
  /** Clients may leave it out; the server fills it in, so readers always find it. */
  withDefault: <T>({ openApi }: Schema<T>, value: T): Schema<T> & { readonly hasDefault: true } => ({
    openApi: { ...openApi, default: value },
    isOptional: false,
    hasDefault: true,
  }),
} as const;

/** metav1.Condition, for lists of conditions in a status. */
export const conditionSchema = schema.object({
  type: schema.string(),
  status: schema.oneOf(['True', 'False', 'Unknown']),
  reason: schema.string(),
  message: schema.string(),
  lastTransitionTime: schema.time(),
  observedGeneration: schema.optional(schema.integer()),
});

export type Condition = Infer<typeof conditionSchema>;

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
