/** The language's own conformance tests, of everything that Kubernetes' environment has: no protobuf messages, no extensions it lacks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getConformanceSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import { type CelType, compileExpression, DYN } from './index.ts';
import { equals } from './values/compare.ts';
import { ArrayList, CelError, CelTypeValue, CelUint, type CelValue, ValueMap } from './values/values.ts';

/** Sections that are about what is not here, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  dynamic: 'protobuf',
  block_ext: 'cel.block is written by optimizers, not people',
  encoders_ext: 'Kubernetes has no encoders',
  enums: 'protobuf',
  math_ext: 'Kubernetes has no math extension',
  namespace: 'containers of protobuf names',
  network_ext: "Kubernetes' own libraries, tested beside them",
  proto2: 'protobuf',
  proto2_ext: 'protobuf',
  proto3: 'protobuf',
  type_deductions: 'types as the checker writes them down; those of results are compared elsewhere',
  unknowns: 'Kubernetes evaluates with all values known',
  wrappers: 'protobuf',
};
/** Expressions that name messages of protobuf. */
const PROTOBUF = /TestAllTypes|google\.protobuf\.(?!Timestamp|Duration)|cel\.expr|proto[23]/;

// biome-ignore lint/suspicious/noExplicitAny: the suite's messages are read by name
type Message = any;

function valueIn({ kind }: Message): CelValue | undefined {
  switch (kind.case) {
    case 'uint64Value':
      return new CelUint(kind.value);
    case 'nullValue':
      return null;
    case 'listValue':
      return new ArrayList(kind.value.values.map(valueIn));
    case 'mapValue':
      return new ValueMap(kind.value.entries.map((entry: Message) => [valueIn(entry.key), valueIn(entry.value)]));
    case 'typeValue':
      return new CelTypeValue(kind.value);
    case 'objectValue':
    case 'enumValue':
      return undefined;
    default:
      return kind.value;
  }
}

interface Row {
  readonly name: string;
  readonly message: Message;
}

function rowsOf(suite: Message, path: string): Row[] {
  const own = (suite.tests ?? []).map(({ original, name }: Message) => ({
    name: `${path}/${name ?? original.name}`,
    message: original,
  }));
  return [...own, ...(suite.suites ?? []).flatMap((inner: Message) => rowsOf(inner, `${path}/${inner.name}`))];
}

function isOutOfScope({ name, message }: Row): boolean {
  const [, section = ''] = name.split('/');
  // Kubernetes evaluates nothing that was not checked, and nothing without macros.
  if (message.disableCheck || message.disableMacros) return true;
  const bindings = Object.values(message.bindings ?? {}) as Message[];
  if (bindings.some(({ kind }) => kind.value.kind.case === 'objectValue')) return true;
  return Object.hasOwn(LEFT_OUT, section) || PROTOBUF.test(JSON.stringify([message.expr, message.container]));
}

function run({ message }: Row): { value: CelValue } | { error: string } {
  const bindings = Object.entries(message.bindings ?? {}) as [string, Message][];
  const variables = new Map<string, CelType>(bindings.map(([name]) => [name, DYN]));
  for (const { name } of message.typeEnv ?? []) variables.set(name, DYN);
  const compiled = compileExpression(message.expr, { variables, mixedLiterals: true });
  if (!compiled.ok) return { error: compiled.text };
  const given = Object.fromEntries(bindings.map(([name, value]) => [name, valueIn(value.kind.value)]));
  try {
    return compiled.program.evaluate(given);
  } catch (error) {
    if (error instanceof CelError) return { error: error.message };
    throw error;
  }
}

const rows = rowsOf(getConformanceSuite(), '');
const inScope = rows.filter((row) => !isOutOfScope(row));

test(`${inScope.length} tests of the language's suite`, () => {
  const failures: string[] = [];
  for (const row of inScope) {
    const { resultMatcher } = row.message;
    const wanted = resultMatcher.case === 'value' ? valueIn(resultMatcher.value) : true;
    if (resultMatcher.case === 'value' && wanted === undefined) continue;
    const result = run(row);
    const isError = resultMatcher.case === 'evalError' || resultMatcher.case === 'anyEvalErrors';
    const passed =
      'error' in result
        ? isError
        : !isError && (equals(result.value, wanted as CelValue) || Object.is(result.value, wanted));
    if (!passed)
      failures.push(`${row.name}: ${row.message.expr}\n    ${'error' in result ? result.error : String(result.value)}`);
  }
  assert.deepEqual(failures, []);
});
