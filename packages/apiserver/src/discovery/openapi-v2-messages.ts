/** Field numbers of OpenAPI v2 in protobuf. Source: gnostic-models openapiv2/OpenAPIv2.proto. */

/**
 * How a JSON member is written: its number, then `s`tring, `b`ool, `n`umber (double), `i`nt64, `S` list of strings,
 * `y` any value as YAML text, `Y` list of those, `m:X` message, `r:X` list of messages, `k:X` map of messages in a
 * message of their own, and `*` for what takes more than one shape.
 */
export type FieldRow = readonly [number: number, kind: string];

const primitive = (first: number, extra: Readonly<Record<string, FieldRow>>): Readonly<Record<string, FieldRow>> => ({
  ...extra,
  type: [first, 's'],
  format: [first + 1, 's'],
  items: [first + 2, 'm:PrimitivesItems'],
  collectionFormat: [first + 3, 's'],
  default: [first + 4, 'y'],
  maximum: [first + 5, 'n'],
  exclusiveMaximum: [first + 6, 'b'],
  minimum: [first + 7, 'n'],
  exclusiveMinimum: [first + 8, 'b'],
  maxLength: [first + 9, 'i'],
  minLength: [first + 10, 'i'],
  pattern: [first + 11, 's'],
  maxItems: [first + 12, 'i'],
  minItems: [first + 13, 'i'],
  uniqueItems: [first + 14, 'b'],
  enum: [first + 15, 'Y'],
  multipleOf: [first + 16, 'n'],
});

/** `vendor`: the number under which members that begin with `x-` are written. */
export interface MessageRow {
  readonly fields: Readonly<Record<string, FieldRow>>;
  readonly vendor: number;
}

export const OPENAPI_V2_MESSAGES: Readonly<Record<string, MessageRow>> = {
  Document: {
    fields: {
      swagger: [1, 's'],
      info: [2, 'm:Info'],
      host: [3, 's'],
      basePath: [4, 's'],
      schemes: [5, 'S'],
      consumes: [6, 'S'],
      produces: [7, 'S'],
      paths: [8, '*'],
      definitions: [9, 'k:Schema'],
      parameters: [10, '*'],
      security: [12, '*'],
      securityDefinitions: [13, '*'],
    },
    vendor: 16,
  },
  Info: {
    fields: { title: [1, 's'], version: [2, 's'], description: [3, 's'], termsOfService: [4, 's'] },
    vendor: 7,
  },
  PathItem: {
    fields: {
      $ref: [1, 's'],
      get: [2, 'm:Operation'],
      put: [3, 'm:Operation'],
      post: [4, 'm:Operation'],
      delete: [5, 'm:Operation'],
      options: [6, 'm:Operation'],
      head: [7, 'm:Operation'],
      patch: [8, 'm:Operation'],
      parameters: [9, '*'],
    },
    vendor: 10,
  },
  Operation: {
    fields: {
      tags: [1, 'S'],
      summary: [2, 's'],
      description: [3, 's'],
      externalDocs: [4, 'm:ExternalDocs'],
      operationId: [5, 's'],
      produces: [6, 'S'],
      consumes: [7, 'S'],
      parameters: [8, '*'],
      responses: [9, '*'],
      schemes: [10, 'S'],
      deprecated: [11, 'b'],
      security: [12, '*'],
    },
    vendor: 13,
  },
  ExternalDocs: { fields: { description: [1, 's'], url: [2, 's'] }, vendor: 3 },
  Response: { fields: { description: [1, 's'], schema: [2, '*'] }, vendor: 5 },
  BodyParameter: {
    fields: { description: [1, 's'], name: [2, 's'], in: [3, 's'], required: [4, 'b'], schema: [5, 'm:Schema'] },
    vendor: 6,
  },
  HeaderParameter: {
    fields: primitive(5, { required: [1, 'b'], in: [2, 's'], description: [3, 's'], name: [4, 's'] }),
    vendor: 22,
  },
  PathParameter: {
    fields: primitive(5, { required: [1, 'b'], in: [2, 's'], description: [3, 's'], name: [4, 's'] }),
    vendor: 22,
  },
  QueryParameter: {
    fields: primitive(6, {
      required: [1, 'b'],
      in: [2, 's'],
      description: [3, 's'],
      name: [4, 's'],
      allowEmptyValue: [5, 'b'],
    }),
    vendor: 23,
  },
  PrimitivesItems: { fields: primitive(1, {}), vendor: 18 },
  JsonReference: { fields: { $ref: [1, 's'], description: [2, 's'] }, vendor: 0 },
  ApiKeySecurity: { fields: { type: [1, 's'], name: [2, 's'], in: [3, 's'], description: [4, 's'] }, vendor: 5 },
  Schema: {
    fields: {
      $ref: [1, 's'],
      format: [2, 's'],
      title: [3, 's'],
      description: [4, 's'],
      default: [5, 'y'],
      multipleOf: [6, 'n'],
      maximum: [7, 'n'],
      exclusiveMaximum: [8, 'b'],
      minimum: [9, 'n'],
      exclusiveMinimum: [10, 'b'],
      maxLength: [11, 'i'],
      minLength: [12, 'i'],
      pattern: [13, 's'],
      maxItems: [14, 'i'],
      minItems: [15, 'i'],
      uniqueItems: [16, 'b'],
      maxProperties: [17, 'i'],
      minProperties: [18, 'i'],
      required: [19, 'S'],
      enum: [20, 'Y'],
      additionalProperties: [21, '*'],
      type: [22, '*'],
      items: [23, '*'],
      allOf: [24, 'r:Schema'],
      properties: [25, 'k:Schema'],
      discriminator: [26, 's'],
      readOnly: [27, 'b'],
      externalDocs: [29, 'm:ExternalDocs'],
      example: [30, 'y'],
    },
    vendor: 31,
  },
};
