/** Whether the runtime speaks the version of the container runtime interface that the agent speaks. Source: KEP-727 (CRI v1). */
import type { Ctx } from '@kapella/base';
import { type Cri, type CriVersion, isCriError } from './cri.ts';

/** Throws an Error that says what to do about it. Other failures of the runtime come through as they are. */
export async function checkedVersion(cri: Pick<Cri, 'version'>, ctx: Ctx): Promise<CriVersion> {
  const version = await cri.version(ctx).catch((cause: unknown) => {
    if (!isCriError(cause, 'unimplemented')) throw cause;
    throw new Error(
      'the container runtime does not speak version v1 of the container runtime interface: this node agent needs ' +
        'containerd 1.6 or CRI-O 1.23, or later',
      { cause },
    );
  });
  const { runtimeName, runtimeVersion, runtimeApiVersion } = version;
  if (runtimeApiVersion === 'v1') return version;
  throw new Error(
    `${runtimeName} ${runtimeVersion} speaks version "${runtimeApiVersion}" of the container runtime interface, this node ` +
      'agent version v1: it needs containerd 1.6 or CRI-O 1.23, or later',
  );
}
