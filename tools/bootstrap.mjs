/**
 * `node tools/bootstrap.mjs SCRIPT.ts [ARGS]`: runs a TypeScript tool on the pinned Node from any Node >= 20.
 * Installs the npm dependencies first where they are missing or older than the lock file. Plain JavaScript, no dependency.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pinned = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
const stamp = join(root, 'node_modules', '.kapella-installed');

function isInstalled() {
  if (!existsSync(pinned) || !existsSync(stamp)) return false;
  return statSync(stamp).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (result.error !== undefined) {
    process.stderr.write(`${command} could not be run: ${result.error.message}\n`);
    process.exit(3);
  }
  return result.status ?? 1;
}

if (!isInstalled()) {
  process.stderr.write('installing npm dependencies: the pinned Node 24 and the libraries of package-lock.json\n');
  // Not `npm ci`: it refuses a lock file that lacks optional packages of other platforms, which a mirror may not carry.
  // Versions come from the lock file all the same, and nothing is written to it.
  const status = run('npm', ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error']);
  if (status !== 0) {
    process.stderr.write('npm install failed; see its message above\n');
    process.exit(3);
  }
  if (!existsSync(pinned)) {
    process.stderr.write(
      `no pinned Node for this machine (${process.platform}-${process.arch}); Kapella runs on linux x64 and arm64\n`,
    );
    process.exit(3);
  }
  writeFileSync(stamp, '');
  utimesSync(stamp, new Date(), new Date());
}
process.env.PATH = `${dirname(pinned)}:${process.env.PATH}`;
process.exit(run(pinned, process.argv.slice(2)));
