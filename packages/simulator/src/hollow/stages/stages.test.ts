/** Stages by themselves: the jq paths, the templates and the selection that kwok's own default Stages use. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileTemplate } from './go-template.ts';
import { compileJq } from './jq.ts';
import { parseStages } from './stage.ts';

const pod = {
  metadata: { name: 'p', labels: { 'a.b/c': 'x' }, ownerReferences: [{ kind: 'Job' }, { kind: 'Other' }] },
  spec: { containers: [{ name: 'one', image: 'i' }], initContainers: [{ name: 'init', restartPolicy: 'Always' }] },
  status: {
    conditions: [
      { type: 'Ready', status: 'False' },
      { type: 'Initialized', status: 'True' },
    ],
  },
};

describe('jq paths', () => {
  const rows: readonly [string, readonly unknown[]][] = [
    ['.metadata.name', ['p']],
    ['.metadata.labels["a.b/c"]', ['x']],
    ['.metadata.ownerReferences.[].kind', ['Job', 'Other']],
    ['.metadata.ownerReferences[0].kind', ['Job']],
    ['.status.conditions.[] | select( .type == "Ready" ) | .status', ['False']],
    ['.status.conditions[] | select(.type != "Ready") | .type', ['Initialized']],
    ['.metadata.deletionTimestamp', [null]],
    ['.', [pod]],
  ];
  for (const [path, wanted] of rows) test(path, () => assert.deepEqual(compileJq(path)(pod), wanted));
  for (const bad of ['metadata', '.a | map(.b)', '.a[', 'select(.a)']) {
    test(`refuses ${bad}`, () => assert.throws(() => compileJq(bad), /jq/));
  }
});

describe('templates', () => {
  const functions = { Quote: (value: unknown) => JSON.stringify(String(value)) };
  const rows: readonly [string, string][] = [
    ['{{ .metadata.name | Quote }}', '"p"'],
    ['{{ range .spec.containers }}[{{ .name }}]{{ end }}', '[one]'],
    ['{{ range $i, $c := .spec.containers }}{{ $i }}={{ $c.name }}{{ end }}', '0=one'],
    ['{{ range .none }}x{{ else }}empty{{ end }}', 'empty'],
    ['{{ if eq .metadata.name "q" }}a{{ else if .spec }}b{{ else }}c{{ end }}', 'b'],
    ['{{ with .none }}{{ . }}{{ else }}no{{ end }}', 'no'],
    ['{{ $x := or .none "d" }}{{ $x }}', 'd'],
    ['{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}', '2'],
    ['{{ or ( index ( or .metadata.annotations dict ) "k" ) "fallback" }}', 'fallback'],
    ['{{ printf "%s-%d %q" "a" 3 "b" }}', 'a-3 "b"'],
    ['a {{- /* nothing */ -}} b', 'ab'],
    ['a\n{{- if true }} b {{- end }}', 'a b'],
    ['{{ $.metadata.name }}{{ .missing }}', 'p<no value>'],
    ['{{ (index .spec.containers 0).image }}', 'i'],
  ];
  for (const [text, wanted] of rows) test(text, () => assert.equal(compileTemplate(text)(pod, functions), wanted));
  for (const bad of ['{{ if .a }}', '{{ define "x" }}{{ end }}', '{{ nope .a }}', '{{ $undefined }}', '{{ ( .a }}']) {
    test(`refuses ${bad}`, () => assert.throws(() => compileTemplate(bad)(pod, functions), /template/));
  }
});

describe('stages', () => {
  const stage = (expression: string) => `
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: s }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchLabels: { 'a.b/c': x }
    matchExpressions: [${expression}]
  next: { delete: true }
`;
  const rows: readonly [string, boolean][] = [
    ["{ key: '.metadata.ownerReferences.[].kind', operator: In, values: [Job] }", true],
    ["{ key: '.metadata.name', operator: NotIn, values: [p] }", false],
    ["{ key: '.metadata.deletionTimestamp', operator: DoesNotExist }", true],
    ["{ key: '.status.podIP', operator: Exists }", false],
    ["{ jq: { key: '.metadata.name', operator: In, values: [p] } }", true],
  ];
  for (const [expression, wanted] of rows) {
    test(expression, () => assert.equal(parseStages(stage(expression))[0]?.matches(pod), wanted));
  }
  test('says which stage cannot be read, and why', () => {
    assert.throws(() => parseStages(stage("{ cel: { expression: 'true' } }")), /stage s: .*CEL/);
    assert.throws(() => parseStages(stage('').replace('kind: Pod', 'kind: Service')), /stage s: .*Service/);
  });
});
