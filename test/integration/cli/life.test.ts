/** One cluster from nothing to nothing by the command line alone, as a user and a program meet it. Real containers, root. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { ensureKubectl } from '../../support/kubectl.ts';

const root = join(import.meta.dirname, '../../..');
const program = join(root, 'dist/kapella.mjs');
const name = 'cli-life';
const scratch = mkdtempSync(join(tmpdir(), 'kapella-cli-'));
const dataDir = join(scratch, 'data');
const userConfig = join(scratch, 'home/.kube/config');
const env = { ...process.env, HOME: join(scratch, 'home'), KUBECONFIG: '', PATH: process.env['PATH'] ?? '' };

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function kapella(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { env, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

function must(...args: string[]): Ran {
  const ran = kapella(...args);
  assert.equal(ran.code, 0, `kapella ${args.join(' ')}: ${ran.out}${ran.err}`);
  return ran;
}

const jsonLines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const resultOf = (text: string) => (jsonLines(text).at(-1) as { result: Record<string, unknown> }).result;
const kubectl = (...args: string[]) => must('--name', name, 'kubectl', ...args).out;

/** Waits for a condition that a command tells. */
async function until(what: string, isTrue: () => boolean, timeMsMax = 60_000): Promise<void> {
  const deadline = performance.now() + timeMsMax;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, `waited ${timeMsMax} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Everything of a cluster that the machine could still hold. */
function traces(): string[] {
  const found: string[] = [];
  const shell = (command: string) => spawnSync('sh', ['-c', command], { encoding: 'utf8' }).stdout;
  const add = (what: string, text: string) =>
    text
      .split('\n')
      .filter((line) => line.includes(name))
      .forEach((line) => void found.push(`${what}: ${line}`));
  add('mount', readFileSync('/proc/self/mountinfo', 'utf8'));
  add('nft', shell('nft list tables'));
  add('process', shell(`ps axo args | grep -F -e ${name} -e ${dataDir} | grep -v -e grep -e life.test`));
  add('cgroup', shell(`find /sys/fs/cgroup -maxdepth 3 -name '*${name}*'`));
  add('route', shell('ip -j route').includes('"10.199.') ? `${name} has a route to a Pod` : '');
  for (const dir of ['/run/kapella', '/var/lib/kapella', '/var/lib/cni/results', scratch]) {
    for (const entry of existsSync(dir) ? readdirSync(dir) : []) add(dir, entry === 'data' ? `${name} data` : entry);
  }
  return found;
}

before(async () => {
  env.PATH = `${join(await ensureKubectl(), '..')}:${env.PATH}`; // the one of the tests is found first
});

after(() => {
  kapella('reset', '--name', name, '--data-dir', dataDir, '--yes');
  rmSync(scratch, { recursive: true, force: true });
});

describe('what is wrong is said in one line, and leaves nothing', { concurrency: false }, () => {
  test('flags and commands', () => {
    assert.deepEqual(
      [kapella('statsu').code, kapella('statsu').err.split('\n')[1]],
      [2, '  fix: Did you mean `kapella status`?'],
    );
    assert.equal(kapella('up', '--api-port', 'x').code, 2);
    assert.equal(kapella('up', '--config', '/nonexistent').code, 2);
  });

  test('a configuration file, with its line and column', () => {
    const file = join(scratch, 'k.yaml');
    writeFileSync(file, 'apiVersion: kapella.dev/v1alpha1\nkind: ClusterConfiguration\npodCird: 10.0.0.0/16\n');
    const { code, err } = kapella('up', '--config', file, '--name', name);
    assert.equal(code, 2);
    assert.match(err, /k\.yaml:3:1: unknown field "podCird"\n {2}fix: Did you mean podCidr\?/);
  });

  test('a busy port', async () => {
    const holder = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as { port: number };
    const ran = kapella('up', '--name', name, '--data-dir', dataDir, '--api-port', String(port), '--yes');
    holder.close();
    assert.equal(ran.code, 3, ran.out + ran.err);
    assert.match(
      ran.err,
      new RegExp(`^kapella: port-${port}: needed for the API server, in use by .*\n {2}fix: ss -ltnp`),
    );
    assert.deepEqual(traces(), []);
  });

  test('no root', () => {
    const { status, stderr } = spawnSync(
      'setpriv',
      ['--reuid=65534', '--clear-groups', process.execPath, program, 'up', '--name', name],
      { encoding: 'utf8', cwd: '/' },
    );
    assert.equal(status, 3, stderr);
    assert.match(stderr, /^kapella: up needs root.*\n {2}fix: sudo kapella up/);
  });

  test('a full disk', () => {
    const disk = join(scratch, 'full');
    const mounted = spawnSync('sh', ['-c', `mkdir ${disk} && mount -t tmpfs -o size=4m tmpfs ${disk}`]);
    assert.equal(mounted.status, 0);
    const ran = kapella('up', '--name', name, '--data-dir', join(disk, 'data'), '--yes');
    spawnSync('umount', [disk]);
    assert.equal(ran.code, 3, ran.out + ran.err);
    assert.match(ran.err, /^kapella: disk: .*at least 1 GiB is needed\n {2}fix: /);
    assert.deepEqual(traces(), []);
  });

  test('a cluster that is not there', () => {
    for (const command of ['status', 'down', 'logs', 'kubeconfig']) {
      const { code, err } = kapella(command, '--name', name);
      assert.equal(code, 1, command);
      assert.match(err, /^kapella: no cluster cli-life on this machine\n {2}fix: /);
    }
  });
});

describe('from nothing to nothing', { concurrency: false }, () => {
  const flags = [
    '--name',
    name,
    '--data-dir',
    dataDir,
    '--pod-cidr',
    '10.199.0.0/16',
    '--service-cidr',
    '10.198.0.0/16',
  ];

  test('up: one JSON object a step, a kubeconfig, a context when asked', () => {
    const { out } = must('up', ...flags, '--yes', '--merge-kubeconfig', '--output', 'json');
    const lines = jsonLines(out);
    const steps = lines.map((line) => line['step']).filter((step) => step !== undefined && step !== 'options');
    assert.deepEqual(steps, ['check', 'server', 'containerd', 'node', 'kubeconfig']);
    assert.ok(lines.slice(0, -1).every((line) => line['status'] === 'done'));
    assert.deepEqual(resultOf(out)['started'], ['containerd', 'server', 'node']);
    assert.equal(parse(readFileSync(userConfig, 'utf8'))['current-context'], name);
    assert.match(kubectl('get', 'nodes', '--no-headers'), / Ready /);
  });

  test('up again changes nothing', () => {
    const { out } = must('up', '--name', name, '--output', 'json');
    assert.deepEqual(resultOf(out)['started'], []);
  });

  test('status, for a person and for a program', () => {
    assert.match(must('status', '--name', name).out, /nodes +1 of 1 Ready/);
    const result = resultOf(must('status', '--name', name, '--output', 'json').out);
    assert.equal(result['isWell'], true);
    assert.deepEqual(Object.keys(result['processes'] as object).sort(), ['containerd', 'node', 'server']);
  });

  test('an image is loaded and runs; logs are shown', async () => {
    const manifest = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'still' },
      spec: { containers: [{ name: 'c', image: 'registry.k8s.io/pause:3.10.1' }] },
    };
    const file = join(scratch, 'pod.json');
    writeFileSync(file, JSON.stringify(manifest));
    assert.match(must('image', 'load', join(dataDir, 'images/pause.tar'), '--name', name).out, /pause:3\.10\.1/);
    assert.match(must('image', 'ls', '--name', name).out, /pause:3\.10\.1/);
    await until('service account', () => kapella('--name', name, 'kubectl', 'get', 'sa', 'default').code === 0);
    kubectl('apply', '-f', file);
    await until('Pod Running', () => kubectl('get', 'pod', 'still', '-o', 'jsonpath={.status.phase}') === 'Running');
    assert.match(must('logs', '--name', name, '-n', '1000').out, /server +\| .*API server ready/);
    const one = must('logs', 'node', '-n', '1', '--name', name).out;
    assert.equal(one.split('\n').length, 2);
  });

  test('settings that cannot change are refused', () => {
    const { code, err } = kapella('up', '--name', name, '--pod-cidr', '10.197.0.0/16');
    assert.equal(code, 2);
    assert.match(err, /was made with 10\.199\.0\.0\/16, and that cannot change/);
  });

  test('down stops all of it, up brings it back with what was in it', async () => {
    must('down', '--name', name);
    assert.equal(kapella('status', '--name', name).code, 1);
    assert.deepEqual(
      traces().filter((line) => /^(process|nft):/.test(line) && !line.endsWith('-net')),
      [],
    );
    must('up', '--name', name, '--output', 'json');
    await until('Pod Running again', () =>
      /^still +1\/1 +Running/.test(kubectl('get', 'pod', 'still', '--no-headers')),
    );
  });

  for (const victim of ['server', 'node', 'containerd']) {
    test(`kill -9 of ${victim}: it comes back by itself, and nothing else was touched`, async () => {
      const pidsNow = () => {
        const processes = resultOf(kapella('status', '--name', name, '--output', 'json').out)['processes'];
        return Object.fromEntries(
          Object.entries(processes as Record<string, { pid: number }>).map(([part, { pid }]) => [part, pid]),
        );
      };
      const startOf = () =>
        kubectl('get', 'pod', 'still', '-o', 'jsonpath={.status.containerStatuses[0].state.running.startedAt}');
      const [pids, startedAt] = [pidsNow(), startOf()];
      process.kill(pids[victim] as number, 'SIGKILL');
      await until(`${victim} back`, () => {
        const now = pidsNow()[victim];
        return now !== undefined && now !== pids[victim] && kapella('status', '--name', name).code === 0;
      });
      const { [victim]: _, ...others } = pids;
      const { [victim]: __, ...othersNow } = pidsNow();
      assert.deepEqual(othersNow, others);
      assert.match(kubectl('get', 'pod', 'still', '--no-headers'), /^still +1\/1 +Running/);
      assert.equal(startOf(), startedAt, 'the container was not started anew');
    });
  }

  test('reset says what it removes, and leaves nothing', () => {
    assert.equal(kapella('reset', '--name', name).code, 2, 'asks for --yes');
    const { out } = must('reset', '--name', name, '--yes');
    assert.match(out, new RegExp(`${dataDir}\n`));
    assert.match(out, /context cli-life in /);
    assert.deepEqual(traces(), []);
    assert.equal(existsSync(userConfig), false);
    assert.equal(existsSync(dataDir), false);
  });
});

test('server alone: one line with the milliseconds, a kubeconfig, a clean end on SIGTERM', async () => {
  const dir = join(scratch, 'alone');
  const port = 16_000 + (process.pid % 1000);
  const child = spawn(process.execPath, [program, 'server', '--data-dir', dir, '--api-port', String(port)], { env });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  await until('the line', () => out.includes('\n'), 20_000);
  assert.match(out, new RegExp(`^API server ready in \\d+ ms at https://127\\.0\\.0\\.1:${port}\n$`));
  const listed = spawnSync(
    'kubectl',
    ['--kubeconfig', join(dir, 'admin.kubeconfig'), 'get', 'ns', 'default', '-o', 'name'],
    { env, encoding: 'utf8' },
  );
  assert.equal(listed.stdout, 'namespace/default\n', listed.stderr);
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  child.kill('SIGTERM');
  assert.deepEqual(await ended, { code: 0, signal: null });
});
