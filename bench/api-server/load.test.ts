/** What h2load prints, read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseH2load } from './load.ts';

const printed = (speed: string, codes: string) =>
  `finished in 5.01s, 14000.50 req/s, ${speed}/s\nrequests: 70002 total\nstatus codes: ${codes}\ntraffic: 1MB\n`;

test('speed and amount are read in every unit', () => {
  const ok = '70002 2xx, 0 3xx, 0 4xx, 0 5xx';
  assert.deepEqual(parseH2load(printed('2.00MB', ok)), { perSecond: 14_000.5, mbPerSecond: 2.097152 });
  assert.equal(parseH2load(printed('512.00KB', ok)).mbPerSecond, 0.524288);
});

test('a refused request is no measurement', () => {
  assert.throws(() => parseH2load(printed('2.00MB', '70001 2xx, 0 3xx, 1 4xx, 0 5xx')), /not every answer was 2xx/);
  assert.throws(() => parseH2load('h2load: bad option'), /said something else/);
});
