/** What Kubernetes adds to the language: libraries, types from schemas, limits, and errors laid out for people. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AUTHORIZER,
  authorizerValue,
  BOOL,
  type CelType,
  compileExpression,
  DYN,
  toJson,
  typeOfSchema,
} from './index.ts';

function evaluate(
  source: string,
  variables: Record<string, unknown> = {},
  types: Record<string, CelType> = {},
): unknown {
  const declared = new Map(Object.keys(variables).map((name) => [name, types[name] ?? DYN] as const));
  const compiled = compileExpression(source, { variables: declared });
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.text);
  return toJson(compiled.program.evaluate(variables).value);
}

/** Results as upstream's documentation of the libraries gives them. */
const TRUE = [
  '[1, 2, 3].isSorted() && ![3, 1].isSorted() && [].isSorted()',
  '[1, 3].sum() == 4 && [1.0, 3.0].sum() == 4.0',
  '["b", "a"].min() == "a" && [1, 3].max() == 3',
  '[1, 2, 2, 3].indexOf(2) == 1 && ["a", "b", "b"].lastIndexOf("b") == 2 && [1.0].indexOf(1.1) == -1',
  '"abc 123".find("[0-9]+") == "123" && "abc 123".find("xyz") == ""',
  '"123 abc 456".findAll("[0-9]+") == ["123", "456"] && "123 abc 456".findAll("[0-9]+", 1) == ["123"]',
  'url("https://example.com:80/path?k=a&k=b").getHost() == "example.com:80"',
  'url("https://example.com:80/").getPort() == "80" && url("https://[::1]:80/").getHostname() == "::1"',
  'url("https://example.com/path with spaces%20/").getScheme() == "https" || !isURL("https://a:b:c/")',
  'url("https://example.com/path?k1=a&k2=b&k2=c").getQuery()["k2"] == ["b", "c"]',
  'url("/absolute-path").getScheme() == "" && !isURL("../relative")',
  'ip("127.0.0.1").family() == 4 && ip("::1").family() == 6 && !isIP("127.0.0.256") && !isIP("::ffff:1.2.3.4")',
  'ip("127.0.0.1").isLoopback() && ip("fe80::1").isLinkLocalUnicast() && ip("192.168.0.1").isGlobalUnicast()',
  'ip.isCanonical("127.0.0.1") && !ip.isCanonical("2001:0db8:0:0:0:0:0:1")',
  'string(ip("2001:DB8::ABCD")) == "2001:db8::abcd"',
  'cidr("192.168.0.0/24").containsIP("192.168.0.1") && !cidr("192.168.0.0/24").containsIP(ip("192.168.1.1"))',
  'cidr("192.168.0.0/16").containsCIDR("192.168.10.0/24") && !cidr("192.168.1.0/24").containsCIDR(cidr("192.168.0.0/16"))',
  'cidr("192.168.1.5/24").masked() == cidr("192.168.1.0/24") && cidr("10.0.0.0/8").prefixLength() == 8',
  'quantity("1Mi").isGreaterThan(quantity("1M")) && quantity("50k").add(20) == quantity("50020")',
  'quantity("1.5G").isInteger() && quantity("-42").sign() == -1 && quantity("50.703k").asApproximateFloat() == 50703.0',
  'isQuantity("1.3Gi") && !isQuantity("1.3GiB") && quantity("200M").compareTo(quantity("0.2G")) == 0',
  'semver("1.2.3").isLessThan(semver("1.10.0")) && semver("1.0.0-alpha").isLessThan(semver("1.0.0"))',
  'isSemver("1.0.0") && !isSemver("v1.0") && isSemver("v01.01", true) && semver("v1.2", true).minor() == 2',
  'format.dns1123Label().validate("my-name") == optional.none()',
  'format.named("dns1123Label").value().validate("-bad").hasValue() && !format.named("unknown").hasValue()',
  'jsonpatch.escapeKey("a/b~c") == "a~1b~0c"',
  'sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 2], [2, 1, 1]) && !sets.intersects([1], [2])',
  '{"a": 1, "b": 2}.transformMap(k, v, v * 2) == {"a": 2, "b": 4}',
  '[1, 2, 3].transformList(i, v, i > 0, v * 10) == [20, 30]',
  'cel.bind(x, [1, 2], x.size() == 2 && x[0] == 1)',
  '"TacoCat".lowerAscii() == "tacocat" && "a,b,c".split(",") == ["a", "b", "c"] && ["x", "y"].join("-") == "x-y"',
  '[3, 1, 2].sort() == [1, 2, 3] && [[1], [2]].flatten() == [1, 2] && [1, 1].distinct() == [1]',
];
for (const source of TRUE) test(source, () => assert.equal(evaluate(source), true));

const FAILURES: readonly (readonly [source: string, message: string])[] = [
  ['1 / 0 == 1', 'division by zero'],
  ['{"a": 1}["b"] == 1', 'no such key: b'],
  ['[1][3] == 1', 'index out of bounds: 3'],
  ['9223372036854775807 + 1 == 0', 'integer overflow'],
  ['int("x") == 1', 'strconv.ParseInt: parsing "x": invalid syntax'],
  ['duration("1x") == duration("1s")', 'time: unknown unit "x" in duration "1x"'],
];
for (const [source, message] of FAILURES) {
  test(`${source} fails`, () => assert.throws(() => evaluate(source), { name: 'CelError', message }));
}

const schemaType = typeOfSchema(
  {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          replicas: { type: 'integer' },
          ratio: { type: 'number' },
          when: { type: 'string', format: 'date-time' },
          span: { type: 'string', format: 'duration' },
          'a-b': { type: 'string' },
          namespace: { type: 'string' },
          port: { 'x-kubernetes-int-or-string': true },
          tags: { type: 'array', items: { type: 'string' } },
          any: { type: 'object', additionalProperties: { type: 'integer' } },
          hidden: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    },
  },
  'Widget',
  true,
) as CelType;

test('schemas give types: numbers, times, escaped names, maps', () => {
  const self = {
    metadata: { name: 'n' },
    spec: {
      replicas: 3,
      ratio: 2,
      when: '2026-01-01T00:00:00Z',
      span: '90s',
      'a-b': 'x',
      namespace: 'y',
      port: 80,
      tags: ['p', 'q'],
      any: { k: 1 },
    },
  };
  const holds = (source: string) => assert.equal(evaluate(source, { self }, { self: schemaType }), true, source);
  holds('self.spec.replicas == 3 && self.metadata.name == "n"');
  holds('self.spec.ratio / 4.0 == 0.5');
  holds('self.spec.when < timestamp("2027-01-01T00:00:00Z") && self.spec.span == duration("1m30s")');
  holds('self.spec.a__dash__b == "x" && self.spec.__namespace__ == "y"');
  holds('self.spec.port == 80 && type(self.spec.port) == int');
  holds('self.spec.tags.all(t, t.size() == 1) && self.spec.any.exists(k, k == "k")');
  holds('!has(self.spec.hidden)');
});

test('errors point at the place', () => {
  const compiled = compileExpression('self.spec.replica > 1', { variables: new Map([['self', schemaType]]) });
  assert.equal(
    compiled.ok ? '' : compiled.text,
    "ERROR: <input>:1:10: undefined field 'replica'\n | self.spec.replica > 1\n | .........^",
  );
  const text = (source: string) => {
    const result = compileExpression(source, { variables: new Map([['self', schemaType]]), resultTypes: [BOOL] });
    return result.ok ? '' : result.text;
  };
  assert.match(
    text('self.spec.replicas + "a" == 1'),
    /found no matching overload for '_\+_' applied to '\(int, string\)'/,
  );
  assert.match(text('nobody == 1'), /undeclared reference to 'nobody' \(in container ''\)/);
  assert.match(text('[1, "a"].size() == 2'), /expected type 'int' but found 'string'/);
  assert.equal(text('self.spec.replicas'), 'must evaluate to bool');
});

test('the authorizer is asked what the expression says', () => {
  const asked: unknown[] = [];
  const authorizer = authorizerValue((check) => {
    asked.push(check);
    return { allowed: check.verb === 'create', reason: 'because' };
  });
  const source =
    'authorizer.group("apps").resource("deployments").namespace("n").check("create").allowed() && ' +
    '!authorizer.path("/healthz").check("get").allowed()';
  assert.equal(evaluate(source, { authorizer }, { authorizer: AUTHORIZER }), true);
  assert.deepEqual(asked, [
    { group: 'apps', resource: 'deployments', namespace: 'n', verb: 'create' },
    { path: '/healthz', verb: 'get' },
  ]);
});

test('what costs too much is stopped', () => {
  const self = Array.from({ length: 300 }, (_, i) => i);
  const source = 'self.all(a, self.all(b, self.all(c, a + b + c >= 0)))';
  assert.throws(() => evaluate(source, { self }), /actual cost limit exceeded/);
});

test('no text makes the compiler fail otherwise than by saying so', () => {
  const word = fc.constantFrom(
    'a',
    '1',
    '"s"',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '.',
    '?',
    ':',
    ',',
    '+',
    '-',
    '!',
    '&&',
    'in',
    'has',
    'all',
    ' ',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word, { maxLength: 20 }).map((words) => words.join('')),
      ),
      (source) => {
        const compiled = compileExpression(source, { variables: new Map([['a', DYN]]) });
        if (!compiled.ok) assert.notEqual(compiled.text, '');
      },
    ),
    { numRuns: 500 },
  );
});
