/** New lines of the kernel's log, from /dev/kmsg. */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { type Ctx, describeError, sleep } from '@kapella/base';

const POLL_MS = 5000;
const RECORD_BYTES_MAX = 8192;

/** Until `ctx` aborts. A host that does not show its log is said once. */
export async function followKernelLog(onLine: (line: string) => void, ctx: Ctx): Promise<void> {
  let file: fs.FileHandle;
  try {
    file = await fs.open('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    ctx.log.info('kernel log not readable: no SystemOOM events', { error: describeError(error) });
    return;
  }
  try {
    await readRecords(file, () => {}); // of before
    while (!ctx.signal.aborted) {
      await sleep(POLL_MS, ctx).catch(() => {});
      await readRecords(file, onLine);
    }
  } catch (error) {
    ctx.log.warn('kernel log not followed any longer', { error: describeError(error) });
  } finally {
    await file.close();
  }
}

/** One read answers one record; EAGAIN = no more; EPIPE = some were overwritten before they were read. */
async function readRecords(file: fs.FileHandle, onLine: (line: string) => void): Promise<void> {
  const buffer = new Uint8Array(RECORD_BYTES_MAX);
  for (;;) {
    try {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      onLine(new TextDecoder().decode(buffer.subarray(0, bytesRead)));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'EAGAIN') return;
      if (code !== 'EPIPE') throw error;
    }
  }
}
