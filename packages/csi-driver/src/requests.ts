/** Requests as they come over the wire, and the checks that all calls share. Source: CSI specification. */
import { CsiError } from '@kapella/csi';
import { FS_TYPES, SIZE_BYTES_DEFAULT, SIZE_BYTES_MIN } from './images.ts';

export interface Capability {
  readonly mount?: { readonly fsType: string; readonly mountFlags: readonly string[] } | null;
  readonly block?: object | null;
  readonly accessMode?: { readonly mode: string } | null;
}

/** 64-bit numbers are text; 0 = not given. */
export interface CapacityRange {
  readonly requiredBytes: string;
  readonly limitBytes: string;
}

const ONE_NODE_MODES: ReadonlySet<string> = new Set([
  'SINGLE_NODE_WRITER',
  'SINGLE_NODE_READER_ONLY',
  'SINGLE_NODE_SINGLE_WRITER',
  'SINGLE_NODE_MULTI_WRITER',
]);

export const invalid = (text: string) => new CsiError('InvalidArgument', text);

/** `what` in words: `volume id`. */
export function required(value: string | undefined, what: string): string {
  if (!value) throw invalid(`${what} is missing`);
  return value;
}

/** Why the driver cannot serve the capability. */
export function problemOf({ mount, block, accessMode }: Capability): string | undefined {
  if (!mount && !block) return 'volume capability names neither mount nor block';
  if (!ONE_NODE_MODES.has(accessMode?.mode ?? '')) {
    return `access mode ${accessMode?.mode ?? 'UNKNOWN'} is not supported: the volume is on one node only`;
  }
  const fsType = mount?.fsType ?? '';
  return fsType === '' || FS_TYPES.has(fsType) ? undefined : `file system ${fsType} is not supported`;
}

export function checkCapability(capability: Capability | null | undefined): Capability {
  if (!capability) throw invalid('volume capability is missing');
  const problem = problemOf(capability);
  if (problem !== undefined) throw invalid(problem);
  return capability;
}

/** The size to make, in bytes, a whole number of pages. */
export function sizeOf(range: CapacityRange | null | undefined, leastBytes: number): number {
  const wanted = Number(range?.requiredBytes ?? 0);
  const limit = Number(range?.limitBytes ?? 0);
  if (wanted < 0 || limit < 0 || (limit > 0 && wanted > limit)) throw invalid('capacity range is not one');
  const start = wanted > 0 ? wanted : limit > 0 ? Math.min(limit, SIZE_BYTES_DEFAULT) : SIZE_BYTES_DEFAULT;
  const size = Math.ceil(Math.max(start, SIZE_BYTES_MIN, leastBytes) / 4096) * 4096;
  if (limit > 0 && size > limit)
    throw new CsiError('OutOfRange', `at least ${size} bytes are needed, the limit is ${limit}`);
  return size;
}
