/** Container logs as `kubectl logs` shows them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LogRenderer, parseLogQuery, type LogOptions } from './log-format.ts';

const all: LogOptions = {
  follow: false,
  timestamps: false,
  tailLines: undefined,
  sinceMs: undefined,
  limitBytes: undefined,
  stream: 'All',
};
const FILE =
  '2026-01-01T00:00:00.000000001Z stdout F one\n' +
  '2026-01-01T00:00:01.000000001Z stdout P two-\n' +
  '2026-01-01T00:00:01.000000002Z stdout F half\n' +
  'garbage\n' +
  '2026-01-01T00:00:02.000000001Z stderr F \n' +
  '2026-01-01T00:00:03.000000001Z stdout F three four\n';

function render(options: Partial<LogOptions>, sizeBytes = FILE.length): string {
  const renderer = new LogRenderer({ ...all, ...options });
  const bytes = new TextEncoder().encode(FILE);
  let sent = '';
  for (let at = 0; at < bytes.length; at += sizeBytes)
    sent += new TextDecoder().decode(renderer.push(bytes.slice(at, at + sizeBytes)));
  return sent;
}

test('joins pieces of a line, keeps empty lines, drops what is no log line', () => {
  assert.equal(render({}), 'one\ntwo-half\n\nthree four\n');
  assert.equal(render({ stream: 'Stderr' }), '\n');
});

test('timestamps once a line, since a time, up to a number of bytes', () => {
  assert.match(
    render({ timestamps: true }),
    /^2026-01-01T00:00:00.000000001Z one\n2026-01-01T00:00:01.000000001Z two-half\n/,
  );
  assert.equal(render({ sinceMs: Date.parse('2026-01-01T00:00:02Z') }), '\nthree four\n');
  assert.equal(render({ limitBytes: 6 }), 'one\ntw');
});

test('what is sent does not depend on how the file was read', () => {
  const options = fc.record({
    timestamps: fc.boolean(),
    limitBytes: fc.constantFrom(undefined, 1, 7, 40),
    stream: fc.constantFrom('All' as const, 'Stdout' as const, 'Stderr' as const),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 90 }), options, (size, how) => {
      assert.equal(render(how, size), render(how));
    }),
  );
});

test('a line without text is a line, one with a tag of several parts is known, others are left out', () => {
  const lines = (text: string) => new TextDecoder().decode(new LogRenderer(all).push(new TextEncoder().encode(text)));
  assert.equal(lines('T stdout F\nT stdout F:x a b\nT stdout P:x c\nT stderr F d\n'), '\na b\ncd\n');
  assert.equal(lines('T stdin F a\nstdout F b\nT  F c\n\nT stdout\n'), '');
});

test('a bad query says what is wrong', () => {
  assert.equal(parseLogQuery(new URLSearchParams('tailLines=-1'), 0), 'tailLines: must be greater than or equal to 0');
  assert.equal(parseLogQuery(new URLSearchParams('sinceSeconds=0'), 0), 'sinceSeconds: must be greater than 0');
  assert.deepEqual(parseLogQuery(new URLSearchParams('sinceSeconds=2&follow=true'), 5000), {
    ...all,
    follow: true,
    sinceMs: 3000,
  });
});
