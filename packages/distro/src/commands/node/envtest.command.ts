/** `kapella envtest`: a folder for KUBEBUILDER_ASSETS, with kube-apiserver, etcd and kubectl. */
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Ctx } from '@kapella/base';
import { findCommand } from '../../host/node/run.ts';
import { KUBERNETES_VERSION } from '../../version.ts';
import type { CommandInput } from './command.ts';

/**
 * The server's young generation is large enough that no request outlives two collections; at rest it is given back. What V8
 * would compact when nothing seems to happen is left, for it stops the next request.
 */
const NODE_FLAGS = {
  'kube-apiserver': ['--max-semi-space-size=16', '--no-memory-reducer'],
  etcd: ['--max-semi-space-size=1', '--max-old-space-size=32'],
} as const;

export async function envtest({ flags, program, reporter }: CommandInput, _ctx: Ctx): Promise<number> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const directory = resolve(flags.get('--dir') ?? join(cache, 'kapella/envtest', KUBERNETES_VERSION));
  mkdirSync(directory, { recursive: true });
  for (const [name, nodeFlags] of Object.entries(NODE_FLAGS)) {
    const words = [program.execPath, ...nodeFlags, program.script, name].map(
      (word) => `'${word.replaceAll("'", `'\\''`)}'`,
    );
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
    chmodSync(path, 0o755);
  }
  const kubectl = findCommand('kubectl');
  const link = join(directory, 'kubectl');
  rmSync(link, { force: true });
  if (kubectl !== undefined && existsSync(kubectl)) symlinkSync(kubectl, link);
  if (flags.get('--print-path') !== undefined) process.stdout.write(`${directory}\n`);
  else {
    const missing = kubectl === undefined ? ' kubectl was not found: tests that run it fail.' : '';
    reporter.result({ assets: directory }, `export KUBEBUILDER_ASSETS=${directory}\n# then: go test ./...${missing}`);
  }
  return 0;
}
