/** What init systems write about the machine's end, read. Sources: busctl(1), utmp(5). */

const UTMP_RECORD_BYTES = 384;
const RUN_LEVEL_RECORD = 1;

/** `t 5000000` of busctl. undefined = it says something else. */
export function inhibitSeconds(text: string): number | undefined {
  const microseconds = /^t (\d+)/.exec(text.trim())?.[1];
  return microseconds === undefined ? undefined : Number(microseconds) / 1e6;
}

/** Of a line of `busctl --json=short monitor`: whether the machine goes down. undefined = the line is about something else. */
export function prepareForShutdown(line: string): boolean | undefined {
  try {
    const { member, payload } = JSON.parse(line) as { member?: string; payload?: { data?: readonly unknown[] } };
    const [isGoingDown] = payload?.data ?? [];
    return member === 'PrepareForShutdown' && typeof isGoingDown === 'boolean' ? isGoingDown : undefined;
  } catch {
    return undefined;
  }
}

/** The last one that init has written: `2`; undefined = none. */
export function runLevelOf(utmp: Uint8Array): string | undefined {
  const view = new DataView(utmp.buffer, utmp.byteOffset, utmp.byteLength);
  let level: string | undefined;
  for (let at = 0; at + UTMP_RECORD_BYTES <= utmp.length; at += UTMP_RECORD_BYTES) {
    if (view.getInt16(at, true) !== RUN_LEVEL_RECORD) continue;
    level = String.fromCharCode(view.getInt32(at + 4, true) & 0xff);
  }
  return level;
}
