/** kubectl logs, exec, attach, cp, port-forward, debug: everything that streams. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, startCluster, type TestCluster, writeFiles } from '../../support/cluster.ts';
import { IDLE, pod, WEB } from '../../support/manifests.ts';

let cluster: TestCluster;
let ns: string;
before(async () => {
  cluster = await startCluster({
    name: 't-streams',
    apiPort: 16445,
    podCidr: '10.114.0.0/16',
    serviceCidr: '10.115.0.0/16',
  });
  ns = await cluster.namespace('str');
  await cluster.apply([pod('web', { ...WEB, namespace: ns }), pod('box', { namespace: ns })]);
  await k('wait --for=condition=Ready pod/web pod/box --timeout=60s');
});
after(() => cluster?.[Symbol.asyncDispose]());
const k = (args: string, input?: string) => cluster.kubectl(`-n ${ns} ${args}`, input === undefined ? {} : { input });

describe('logs', () => {
  test('tail, since, timestamps, containers, previous', async () => {
    const script = 'for i in 1 2 3 4 5; do echo line $i; done; sleep 1; exit 3';
    const second = { name: 'other', image: 'busybox:1.38', command: ['sh', '-c', `echo from other; ${IDLE}`] };
    const spec = { containers: [{ name: 'main', image: 'busybox:1.38', command: ['sh', '-c', script] }, second] };
    await cluster.apply(pod('talk', { namespace: ns, spec }));
    await eventually(
      'the container restarted',
      async () =>
        Number(await k('get pod talk -o jsonpath=\'{.status.containerStatuses[?(@.name=="main")].restartCount}\'')) >=
        1,
    );
    assert.equal(await k('logs talk -c main --previous --tail=2'), 'line 4\nline 5\n');
    assert.equal(await k('logs talk -c other'), 'from other\n');
    assert.match(await k('logs talk --all-containers --prefix'), /\[pod\/talk\/other\] from other/);
    assert.match(await k('logs talk -c other --timestamps'), /^20\d\d-\S+Z from other\n$/);
    assert.match(await k('logs talk -c other --since=1h'), /from other/);
    const none = await cluster.tryKubectl(`-n ${ns} logs talk -c nope`);
    assert.match(none.stderr, /container nope is not valid for pod talk/);
    assert.match(await k('logs talk'), /line 1/); // kubectl takes the first container and says so
    await k('delete pod talk --now');
  });

  test('follows until the container ends', async () => {
    await cluster.apply(
      pod('count', {
        namespace: ns,
        script: 'for i in 1 2 3; do echo tick $i; sleep 0.3; done',
        spec: { restartPolicy: 'Never' },
      }),
    );
    await eventually('it runs', async () =>
      /Running|Succeeded/.test(await k("get pod count -o jsonpath='{.status.phase}'")),
    );
    assert.equal(await k('logs -f count'), 'tick 1\ntick 2\ntick 3\n');
  });
});

describe('exec', () => {
  test('output, input to its end, exit codes, errors', async () => {
    assert.equal(await k('exec box -- echo hello'), 'hello\n');
    assert.equal(await k('exec -i box -- cat', 'from stdin\n'), 'from stdin\n');
    const code = await cluster.tryKubectl(`-n ${ns} exec box -- sh -c 'echo bad >&2; exit 7'`);
    assert.equal(code.code, 7);
    assert.match(code.stderr, /bad\ncommand terminated with exit code 7/);
    const missing = await cluster.tryKubectl(`-n ${ns} exec box -- nosuchprogram`);
    assert.match(missing.stderr, /executable file not found/);
  });

  test('a terminal', async () => {
    const shell = cluster.spawnKubectl(`-n ${ns} exec -it box -- sh`);
    let seen = '';
    shell.stdout?.on('data', (text) => (seen += text));
    shell.stdin?.write('echo $((6*7))-answer; exit 5\n');
    const code = await new Promise((resolve) => shell.on('close', resolve));
    assert.match(seen, /42-answer/);
    assert.equal(code, 5);
  });

  test('several megabytes both ways stay intact', async () => {
    const directory = writeFiles({});
    const [from, to] = [join(directory, 'from'), join(directory, 'to')];
    const bytes = randomBytes(20 << 20);
    writeFileSync(from, bytes);
    await k(`cp ${from} box:/tmp/data`);
    await k(`cp box:/tmp/data ${to}`);
    const sum = (data: Buffer) => createHash('sha256').update(data).digest('hex');
    assert.equal(sum(readFileSync(to)), sum(bytes));
  });
});

test('attach sees what the container writes', async () => {
  await cluster.apply(pod('clock', { namespace: ns, script: 'while true; do echo beat; sleep 0.2; done' }));
  await k('wait --for=condition=Ready pod/clock --timeout=60s');
  const attach = cluster.spawnKubectl(`-n ${ns} attach clock`);
  let seen = '';
  attach.stdout?.on('data', (text) => (seen += text));
  await eventually('two beats are seen', async () => seen.split('beat').length > 2);
  attach.kill();
});

test('port-forward carries requests', async () => {
  const forward = cluster.spawnKubectl(`-n ${ns} port-forward pod/web 18080:8080`);
  await new Promise<void>((resolve) =>
    forward.stdout?.on('data', (text) => String(text).includes('Forwarding') && resolve()),
  );
  for (let i = 0; i < 5; i++) assert.equal(await (await fetch('http://127.0.0.1:18080/')).text(), 'web\n');
  forward.kill();
});

test('debug adds an ephemeral container', async () => {
  await k('debug box --image=busybox:1.38 --container=dbg -- sh -c "echo debugging; sleep 60"');
  await eventually('it runs', async () => (await k('logs box -c dbg')) === 'debugging\n');
  assert.match(await k('describe pod box'), /Ephemeral Containers:\n\s+dbg:/);
});
