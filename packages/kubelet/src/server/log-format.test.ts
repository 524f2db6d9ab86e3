/** Container logs as `kubectl logs` shows them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter, LogWriter, parseLogLine, parseLogQuery, type LogOptions } from './log-format.ts';

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

function render(options: Partial<LogOptions>): string {
  const writer = new LogWriter({ ...all, ...options });
  const lines = new LineSplitter().push(new TextEncoder().encode(FILE));
  const pieces = lines.map(parseLogLine).filter((piece) => piece !== undefined);
  return pieces.map((piece) => new TextDecoder().decode(writer.render(piece))).join('');
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

test('lines do not depend on how the file was read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), (size) => {
      const bytes = new TextEncoder().encode(FILE);
      const splitter = new LineSplitter();
      const lines: string[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        for (const line of splitter.push(bytes.subarray(at, at + size))) lines.push(new TextDecoder().decode(line));
      }
      assert.equal(`${lines.join('\n')}\n`, FILE);
    }),
  );
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
