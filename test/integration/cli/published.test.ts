/** What is published works where it is installed: from ESM and from CommonJS, in a folder that knows nothing of this repository. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../../support/cluster.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PACKED = join(ROOT, 'dist/packages');

const STEPS = `
  const cluster = await startTestCluster({ nodes: hollow(1) });
  await cluster.apply({
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'img' }] },
  });
  await cluster.eventually('the Pod runs', async () => {
    const pod = await cluster.client.get(coreV1.Pod, { namespace: 'default', name: 'web' }, cluster.ctx);
    return pod?.status?.phase === 'Running';
  });
  await cluster.stop();
  if (typeof defineController !== 'function') throw new Error('@kapella/controller has no defineController');
  console.log('runs');
`;

let folder = '';

async function succeed(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, { cwd });
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kapella-published-'));
  await succeed(process.execPath, [join(ROOT, 'tools/build/publish.ts')], ROOT);
  for (const name of ['controller', 'testing']) {
    // What npm would put into the archive, and nothing else.
    await succeed('npm', ['pack', '--pack-destination', folder, '--silent', join(PACKED, name)], folder);
    const archive = readdirSync(folder).find((file) => file.startsWith(`kapella-${name}-`));
    await succeed('tar', ['-xzf', archive ?? '', '-C', folder], folder);
    const target = join(folder, 'node_modules/@kapella', name);
    mkdirSync(join(target, '..'), { recursive: true });
    cpSync(join(folder, 'package'), target, { recursive: true });
    rmSync(join(folder, 'package'), { recursive: true });
  }
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('from ESM', async () => {
  const head = [
    "import { coreV1, hollow, startTestCluster } from '@kapella/testing';",
    "import { defineController } from '@kapella/controller';",
  ].join('\n');
  writeFileSync(join(folder, 'it.mjs'), `${head}\n${STEPS}`);
  assert.equal(await succeed(process.execPath, ['it.mjs'], folder), 'runs\n');
});

test('from CommonJS', async () => {
  const head = [
    "const { coreV1, hollow, startTestCluster } = require('@kapella/testing');",
    "const { defineController } = require('@kapella/controller');",
  ].join('\n');
  writeFileSync(join(folder, 'it.cjs'), `${head}\n(async () => {${STEPS}})();`);
  assert.equal(await succeed(process.execPath, ['it.cjs'], folder), 'runs\n');
});
