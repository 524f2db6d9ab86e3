/** --audit-*: defaults, files that are wrong, a log that is written. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { parseFlags } from '../flags.ts';
import { auditOf } from './audit-flags.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const directory = mkdtempSync(join(tmpdir(), 'kapella-flags-'));
after(() => rmSync(directory, { recursive: true }));
const write = (name: string, text: string) => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const policy = write('policy.yaml', 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n');

test('without policy or without a place to write, nothing is recorded', async () => {
  assert.equal(await auditOf(parseFlags([]), ctx), undefined);
  assert.equal(await auditOf(parseFlags([`--audit-policy-file=${policy}`]), ctx), undefined);
  assert.equal(await auditOf(parseFlags(['--audit-log-path=-']), ctx), undefined);
});

test('a log blocks and is whole by default; a webhook is batched and throttled', async () => {
  const kubeconfig = write(
    'hook.yaml',
    'apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n' +
      'clusters: [{name: k, cluster: {server: "https://127.0.0.1:1"}}]\nusers: [{name: u, user: {token: t}}]\n',
  );
  const path = join(directory, 'logs', 'audit.log');
  const given = [
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${path}`,
    `--audit-webhook-config-file=${kubeconfig}`,
  ];
  const audit = await auditOf(parseFlags(given), ctx);
  assert.equal(audit?.log?.mode, 'blocking');
  assert.equal(audit?.log?.format, 'json');
  assert.equal(audit?.log?.truncate, undefined);
  assert.equal(audit?.webhook?.mode, 'batch');
  assert.deepEqual(audit?.webhook?.batch, {
    ...{ bufferMax: 10_000, batchMax: 400, waitMsMax: 30_000, throttle: { qps: 10, burst: 15 }, isConcurrent: true },
  });
  assert.equal(audit?.webhook?.initialBackoffMs, 10_000);
  await audit?.log?.file.write('one\n');
  assert.equal(readFileSync(path, 'utf8'), 'one\n');
  await audit?.log?.file.close();
});

test('what is wrong is told with what to do', async () => {
  const bad = write('bad.yaml', 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Some}]\n');
  const fails = (words: string[], message: RegExp) => assert.rejects(auditOf(parseFlags(words), ctx), { message });
  await fails([`--audit-policy-file=${bad}`, '--audit-log-path=-'], /rules\[0\]\.level: Unsupported value: "Some"/);
  await fails(['--audit-policy-file=/nowhere'], /--audit-policy-file \/nowhere: ENOENT/);
  const on = [`--audit-policy-file=${policy}`, '--audit-log-path=-'];
  await fails([...on, '--audit-log-mode=often'], /invalid --audit-log-mode often/);
  await fails([...on, '--audit-log-version=audit.k8s.io/v1beta1'], /not known/);
  await fails([...on, '--audit-log-batch-buffer-size=0'], /invalid argument "0"/);
});
