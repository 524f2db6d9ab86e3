/** Addresses still held for sandboxes that are gone. Source: CNI plugins, ipam/host-local/backend/disk. */
import { parseIPv4 } from './cidr.ts';

export interface HeldAddress {
  /** Name of the file: the address. */
  readonly fileName: string;
  /** First line: the sandbox's id. Second line: the interface. */
  readonly content: string;
  readonly modifiedMs: number;
}

/** A sandbox takes its address before the runtime lists it: younger ones are left alone. */
const LEAK_AGE_MS_MIN = 60_000;

/** Pure: the names of the files to remove. Bookkeeping files (`last_reserved_ip.0`, `lock`) are never among them. */
export function planLeaks(
  held: readonly HeldAddress[],
  liveSandboxIds: ReadonlySet<string>,
  nowMs: number,
): readonly string[] {
  return held
    .filter(({ fileName }) => parseIPv4(fileName) !== undefined || fileName.includes(':'))
    .filter(({ content, modifiedMs }) => {
      const id = content.split(/\r?\n/)[0]?.trim() ?? '';
      return !liveSandboxIds.has(id) && nowMs - modifiedMs >= LEAK_AGE_MS_MIN;
    })
    .map(({ fileName }) => fileName);
}
