/** The frame of suites that run programs beside a control plane: both, and a directory for files, end with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Kubectl, kubectlFor } from './commands.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane.ts';
import type { SuiteResult } from './suite.ts';

export interface OnControlPlane {
  readonly cluster: ControlPlane;
  readonly kubectl: Kubectl;
  /** Empty at first; for logs and files. */
  readonly directory: string;
}

export async function onControlPlane(
  options: ControlPlaneOptions,
  steps: (context: OnControlPlane) => Promise<SuiteResult>,
): Promise<SuiteResult> {
  await using cluster = await startControlPlane(options);
  const directory = mkdtempSync(join(tmpdir(), 'kapella-suite-'));
  try {
    return await steps({ cluster, kubectl: kubectlFor(cluster.kubeconfig), directory });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
