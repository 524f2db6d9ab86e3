/** The flags of upstream's kube-apiserver, and static tokens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleFlags, last, list, parseFlags } from './flags.ts';
import { connectionsOf, limitsOf, shutdownOf } from './limit-flags.ts';
import { parseTokenFile } from './token-file.ts';

test('flags are read in every way that upstream reads them', () => {
  const words = [
    '--secure-port=1',
    '--cert-dir',
    'd',
    '--allow-privileged',
    '--authorization-mode=Node,RBAC',
    '--v=4',
    '-v',
    '5',
  ];
  const values = parseFlags(words);
  assert.equal(last(values, 'secure-port'), '1');
  assert.equal(last(values, 'cert-dir'), 'd');
  assert.equal(last(values, 'allow-privileged'), 'true');
  assert.equal(last(values, 'v'), '5');
  assert.deepEqual(list(values, 'authorization-mode'), ['Node', 'RBAC']);
  assert.deepEqual(idleFlags(parseFlags(['--watch-cache', '--vmodule=x', '--event-ttl=1h'])), [
    'vmodule',
    'watch-cache',
  ]);
});

test('limits are read with upstream defaults, and refused where upstream refuses them', () => {
  const limits = limitsOf(parseFlags([]));
  assert.deepEqual(limits, {
    ...{ readsMax: 400, writesMax: 200, priorityAndFairness: true, requestMsMax: 60_000, watchMsMin: 1_800_000 },
    ...{ eventTtlSeconds: 3_600, profiling: true, cbor: false },
  });
  const given = parseFlags([
    ...['--request-timeout=1m30s', '--max-requests-inflight=800', '--enable-priority-and-fairness=false'],
    ...[
      '--event-ttl',
      '10m',
      '--min-request-timeout=300',
      '--shutdown-delay-duration=5s',
      '--shutdown-send-retry-after',
    ],
  ]);
  assert.equal(limitsOf(given).requestMsMax, 90_000);
  assert.equal(limitsOf(given).readsMax, 800);
  assert.equal(limitsOf(given).priorityAndFairness, false);
  assert.equal(limitsOf(given).eventTtlSeconds, 600);
  assert.deepEqual(shutdownOf(given), { delayMs: 5_000, sendRetryAfter: true });
  assert.deepEqual(connectionsOf(parseFlags(['--goaway-chance=0.01'])), { streamsMax: 1_000, goawayChance: 0.01 });
  assert.throws(() => connectionsOf(parseFlags(['--goaway-chance=0.5'])), /greater than 0.02/);
  assert.throws(
    () => limitsOf(parseFlags(['--request-timeout=soon'])),
    /invalid argument "soon" for "--request-timeout"/,
  );
  const none = ['--max-requests-inflight=0', '--max-mutating-requests-inflight=0'];
  assert.throws(() => limitsOf(parseFlags(none)), /must add up to something positive/);
});

test('unknown flags are refused in upstream words, and so are guards that are not built', () => {
  assert.throws(() => parseFlags(['--secure-prot=1']), {
    message: 'unknown flag: --secure-prot',
    fix: 'Did you mean --secure-port?',
  });
  assert.throws(() => parseFlags(['--cert-dir']), { message: 'flag needs an argument: --cert-dir' });
  assert.throws(() => parseFlags(['--egress-selector-config-file=x']), {
    message: '--egress-selector-config-file is not served by Kapella yet',
  });
  assert.throws(() => parseFlags(['now']), { message: 'unknown command "now" for "kube-apiserver"' });
});

test('tokens name users, uids and groups; a bad line is named by its number alone', () => {
  const users = parseTokenFile('# people\nsecret,alice,1,"system:masters,devs"\n\nother,bob\n', 'tokens.csv');
  assert.deepEqual(
    [...users],
    [
      ['secret', { username: 'alice', uid: '1', groups: ['system:masters', 'devs'] }],
      ['other', { username: 'bob', groups: [] }],
    ],
  );
  assert.throws(() => parseTokenFile('secret\n', 'tokens.csv'), {
    message: 'tokens.csv:1: a line needs a token and a user name',
  });
});
