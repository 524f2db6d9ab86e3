/** The flags of upstream's kube-apiserver, and static tokens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleFlags, last, list, parseFlags } from './flags.ts';
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
  assert.deepEqual(idleFlags(parseFlags(['--watch-cache', '--event-ttl=1h'])), ['event-ttl', 'watch-cache']);
});

test('unknown flags are refused in upstream words, and so are guards that are not built', () => {
  assert.throws(() => parseFlags(['--secure-prot=1']), {
    message: 'unknown flag: --secure-prot',
    fix: 'Did you mean --secure-port?',
  });
  assert.throws(() => parseFlags(['--cert-dir']), { message: 'flag needs an argument: --cert-dir' });
  assert.throws(() => parseFlags(['--audit-policy-file=x']), {
    message: '--audit-policy-file is not served by Kapella yet',
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
