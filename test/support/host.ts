/** Makes the machine fit for tests that run real containers: the first steps of `kapella up`. */
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { machineSteps } from '@kapella/distro/host/node';

/** Installs what is missing and loads what is not loaded; a few milliseconds when nothing is. Needs root. */
export async function ensureHostPackages(): Promise<void> {
  const ctx = hostCtx(new AbortController().signal, silentLogger);
  for (const step of machineSteps()) {
    if (!(await step.check(ctx))) await step.apply(ctx, () => {});
  }
}
