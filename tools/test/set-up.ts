/** What integration tests stand on: the built program, a real kubectl, the packages of a node. Installed, never assumed. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export async function setUpIntegration(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('the integration tests run containers: run them as root');
  const built = spawnSync(process.execPath, ['tools/build/main.ts'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the build failed; see above');
  const { ensureHostPackages } = await import('../../test/support/host.ts');
  await ensureHostPackages();
  const { ensureKubectl } = await import('../../test/support/kubectl.ts');
  process.stdout.write(`kubectl: ${await ensureKubectl()}\n`);
}
