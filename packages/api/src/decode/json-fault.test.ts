import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonFault } from './json-fault.ts';

test('faults are told in the words of Go', () => {
  const told: Readonly<Record<string, string>> = {
    '': 'unexpected end of JSON input',
    '{': 'unexpected end of JSON input',
    '{"a"': 'unexpected end of JSON input',
    '{"a":1': 'unexpected end of JSON input',
    notjson: "invalid character 'o' in literal null (expecting 'u')",
    '{} trailing': "invalid character 't' after top-level value",
    '{a:1}': "invalid character 'a' looking for beginning of object key string",
    '{"a":1,}': "invalid character '}' looking for beginning of object key string",
    '{"a" 1}': "invalid character '1' after object key",
    '{"a":1 "b":2}': "invalid character '\"' after object key:value pair",
    '[1 2]': "invalid character '2' after array element",
    '[1,]': "invalid character ']' looking for beginning of value",
    '<html>': "invalid character '<' looking for beginning of value",
    "'a'": "invalid character '\\'' looking for beginning of value",
    '"a\nb"': "invalid character '\\n' in string literal",
    '"\\x"': "invalid character 'x' in string escape code",
    '"\\u00g0"': "invalid character 'g' in \\u hexadecimal character escape",
    '-x': "invalid character 'x' in numeric literal",
    '01': "invalid character '1' after top-level value",
    '1.x': "invalid character 'x' after decimal point in numeric literal",
    '1e+': 'unexpected end of JSON input',
  };
  for (const [text, message] of Object.entries(told)) assert.equal(jsonFault(text), message, text);
});

test('what JSON.parse takes has no fault, and what it refuses has one', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.equal(jsonFault(text), undefined)));
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (text, at, noise) => {
      const cut = at % (text.length + 1);
      const broken = text.slice(0, cut) + noise + text.slice(cut + 1);
      let isJson = true;
      try {
        JSON.parse(broken);
      } catch {
        isJson = false;
      }
      assert.equal(jsonFault(broken) === undefined, isJson, broken);
    }),
  );
});
