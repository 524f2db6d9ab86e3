/** Decoding and protobuf against upstream's round-trip data (kinds with every field set), where the cache has it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createDecoder } from '../../packages/api/src/decode/index.ts';
import { createTypeFacts } from '../../packages/api/src/facts/index.ts';
import { createProtobufCodec, readEnvelope } from '../../packages/api/src/protobuf/index.ts';
import { KUBERNETES_VERSION } from './sources.ts';

const library = KUBERNETES_VERSION.replace('v1', 'v0');
const cache = findModules();
const folders = ['api@V/testdata/HEAD', 'apiextensions-apiserver@V/pkg/apis/testdata/HEAD'].map((path) =>
  join(cache, 'k8s.io', path.replace('V', library)),
);
if (!folders.every((folder) => existsSync(folder))) {
  throw new Error('the Go modules of Kubernetes are not in the module cache: npm test -- facts fetches them');
}

const facts = createTypeFacts();
const decoder = createDecoder(facts);
const codec = createProtobufCodec(facts);

interface Case {
  readonly name: string;
  readonly typeId: string;
  readonly json: Record<string, unknown> & { readonly apiVersion: string; readonly kind: string };
  readonly pb: Uint8Array;
}

function findModules(): string {
  try {
    return execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim();
  } catch {
    return '/nonexistent';
  }
}

function readCases(): Case[] {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((f) => f.endsWith('.json'))
      .flatMap((file) => {
        const json = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Partial<Case['json']> as Case['json'];
        if (json.apiVersion === undefined) return [];
        const [group = '', version = json.apiVersion] = json.apiVersion.includes('/') ? json.apiVersion.split('/') : [];
        const typeId = facts.typeIdOf({ group, version, kind: json.kind });
        if (typeId === undefined || /Options$/.test(json.kind)) return [];
        return [{ name: file, typeId, json, pb: readFileSync(join(folder, file.replace(/json$/, 'pb'))) }];
      }),
  );
}

test("every kind decodes without a loss, and its protobuf is upstream's byte for byte", () => {
  const cases = readCases();
  for (const { name, typeId, json, pb } of cases) {
    const { object, unknown } = decoder.decode(structuredClone(json), typeId);
    assert.deepEqual(unknown, [], name);
    assert.deepEqual(object, json, name);
    const encoded = codec.encodeObject(object as Case['json'], typeId);
    const { kind, apiVersion, raw } = readEnvelope(pb);
    assert.deepEqual({ kind, apiVersion, ...codec.decodeMessage(raw, typeId) }, object, name);
    assert.ok(Buffer.from(encoded).equals(pb), name);
  }
  assert.ok(cases.length > 75, String(cases.length));
});
