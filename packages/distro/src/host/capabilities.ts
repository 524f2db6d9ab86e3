/** Linux capabilities in the form of /proc/<pid>/status. Source: capabilities(7). */

/** Bit numbers of those that a node needs or asks after. */
export const CAPABILITY = {
  CHOWN: 0,
  KILL: 5,
  NET_ADMIN: 12,
  SYS_PTRACE: 19,
  SYS_ADMIN: 21,
  SYS_RESOURCE: 24,
  MKNOD: 27,
} as const;

/** `procStatus` is the text of /proc/<pid>/status; looks at the effective set. */
export function hasCapability(procStatus: string, bit: number): boolean {
  const match = /^CapEff:\s*([0-9a-f]+)/m.exec(procStatus);
  return match !== null && ((BigInt(`0x${match[1]}`) >> BigInt(bit)) & 1n) === 1n;
}
