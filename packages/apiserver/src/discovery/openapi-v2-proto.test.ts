/** The protobuf form of OpenAPI v2, read back by a general decoder from the published .proto's numbers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { encodeOpenApiV2 } from './openapi-v2-proto.ts';

const PROTO = `syntax = "proto3";
message Any { string yaml = 2; }
message NamedAny { string name = 1; Any value = 2; }
message TypeItem { repeated string value = 1; }
message ItemsItem { repeated Schema schema = 1; }
message AdditionalPropertiesItem { oneof oneof { Schema schema = 1; bool boolean = 2; } }
message NamedSchema { string name = 1; Schema value = 2; }
message Properties { repeated NamedSchema additional_properties = 1; }
message Schema { string ref = 1; string format = 2; string description = 4; Any default = 5; double maximum = 7; int64 max_length = 11;
  repeated string required = 19; repeated Any enum = 20; AdditionalPropertiesItem additional_properties = 21; TypeItem type = 22;
  ItemsItem items = 23; Properties properties = 25; repeated NamedAny vendor_extension = 31; }
message Definitions { repeated NamedSchema additional_properties = 1; }
message Query { bool required = 1; string in = 2; string name = 4; string type = 6; bool unique_items = 20; }
message NonBody { oneof oneof { Query query = 3; } }
message Body { string name = 2; string in = 3; Schema schema = 5; }
message Parameter { oneof oneof { Body body = 1; NonBody non_body = 2; } }
message JsonReference { string ref = 1; }
message ParametersItem { oneof oneof { Parameter parameter = 1; JsonReference reference = 2; } }
message SchemaItem { Schema schema = 1; }
message Response { string description = 1; SchemaItem schema = 2; }
message ResponseValue { Response response = 1; }
message NamedResponseValue { string name = 1; ResponseValue value = 2; }
message Responses { repeated NamedResponseValue response_code = 1; }
message Operation { repeated string tags = 1; string operation_id = 5; repeated ParametersItem parameters = 8; Responses responses = 9;
  repeated NamedAny vendor_extension = 13; }
message PathItem { Operation get = 2; Operation post = 4; repeated ParametersItem parameters = 9; }
message NamedPathItem { string name = 1; PathItem value = 2; }
message Paths { repeated NamedPathItem path = 2; }
message Info { string title = 1; string version = 2; }
message Document { string swagger = 1; Info info = 2; Paths paths = 8; Definitions definitions = 9; }`;

test('every shape that the document uses is found again under its number', () => {
  const type = protobuf.parse(PROTO).root.lookupType('Document');
  const bytes = encodeOpenApiV2({
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1' },
    paths: {
      '/api/': {
        parameters: [{ in: 'query', name: 'q', type: 'string', uniqueItems: true }, { $ref: '#/parameters/x' }],
        get: {
          tags: ['core'],
          operationId: 'id',
          responses: { 200: { description: 'OK', schema: { $ref: '#/definitions/A' } } },
          'x-k': { a: 1 },
        },
        post: { parameters: [{ in: 'body', name: 'body', schema: { type: 'object' } }] },
      },
    },
    definitions: {
      A: {
        type: 'object',
        description: 'd'.repeat(300),
        required: ['b'],
        default: {},
        maximum: 1.5,
        maxLength: 300,
        properties: {
          b: { type: 'array', items: { type: 'string', enum: ['x'] } },
          c: { additionalProperties: { type: 'string' } },
        },
        'x-kubernetes-group-version-kind': [{ group: '', kind: 'A', version: 'v1' }],
      },
    },
  });
  const read = type.toObject(type.decode(bytes), { longs: Number });
  assert.deepEqual(read.info, { title: 'Kubernetes', version: 'v1' });
  const { value: path } = read.paths.path[0];
  assert.deepEqual(path.parameters, [
    { parameter: { nonBody: { query: { in: 'query', name: 'q', type: 'string', uniqueItems: true } } } },
    { reference: { ref: '#/parameters/x' } },
  ]);
  assert.deepEqual(path.get.responses.responseCode, [
    { name: '200', value: { response: { description: 'OK', schema: { schema: { ref: '#/definitions/A' } } } } },
  ]);
  assert.deepEqual(path.get.vendorExtension, [{ name: 'x-k', value: { yaml: '{"a":1}\n' } }]);
  assert.deepEqual(path.post.parameters[0].parameter.body.schema.type, { value: ['object'] });
  const { value: a } = read.definitions.additionalProperties[0];
  assert.equal(a.description.length, 300);
  assert.equal(a.maximum, 1.5);
  assert.equal(a.maxLength, 300);
  assert.deepEqual(a.properties.additionalProperties[0].value.items.schema[0].enum, [{ yaml: '"x"\n' }]);
  assert.deepEqual(a.properties.additionalProperties[1].value.additionalProperties.schema.type, { value: ['string'] });
  assert.equal(a.vendorExtension[0].name, 'x-kubernetes-group-version-kind');
});
