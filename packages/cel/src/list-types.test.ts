/** Lists that are sets or maps by key. The cases follow apiserver/pkg/cel/common/values.go and its tests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeOfSchema } from './check/schema-type.ts';
import type { CelType } from './check/types.ts';
import { compileExpression } from './environment.ts';

const item = { type: 'object', properties: { k: { type: 'string' }, v: { type: 'integer' } } };
const list = (more: object) => ({ type: 'array', items: item, ...more });
const schema = {
  type: 'object',
  properties: {
    set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    other: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    plain: { type: 'array', items: { type: 'string' } },
    map: list({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] }),
  },
};
const self = {
  set: ['a', 'b'],
  other: ['b', 'a'],
  plain: ['b', 'a'],
  map: [
    { k: 'x', v: 1 },
    { k: 'y', v: 2 },
  ],
};
const oldSelf = { map: [...self.map].reverse() };

const CASES: readonly (readonly [string, boolean])[] = [
  ['self.set == self.other', true],
  ['self.set == self.plain', true],
  ['self.plain == self.set', false], // the list on the left says how they are compared
  ["self.plain == ['a', 'b']", false],
  ["self.set == ['b', 'a']", true],
  ["self.set != ['b', 'c']", true],
  ["self.set == ['a', 'b', 'b']", false],
  ["size(self.set + ['b', 'c', 'c']) == 3", true],
  ["self.set + ['c'] == ['c', 'b', 'a']", true],
  ['size(self.plain + self.set) == 4', true],
  ['self.map == oldSelf.map', true],
  ['self.map + oldSelf.map == self.map', true],
  ['size(self.map + oldSelf.map) == 2', true],
  ["(self.map + oldSelf.map).map(e, e.k) == ['x', 'y']", true],
];

for (const [rule, expected] of CASES) {
  test(`${rule} is ${expected}`, () => {
    const type = typeOfSchema(schema, 'selfType', false) as CelType;
    const variables = new Map([
      ['self', type],
      ['oldSelf', type],
    ]);
    const compiled = compileExpression(rule, { variables });
    assert.ok(compiled.ok, compiled.ok ? '' : compiled.text);
    assert.equal(compiled.program.evaluate({ self, oldSelf }).value, expected);
  });
}
