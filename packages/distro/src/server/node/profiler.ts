/** Profiles of this process by V8's own inspector: CPU and memory, for /debug/pprof. */
import { Session } from 'node:inspector/promises';
import { ApiError, type Ctx, sleep } from '@kapella/base';
import type { Profiler } from '@kapella/control-plane';

/** One profile at a time: two would measure each other. */
export function createProfiler(): Profiler {
  let isBusy = false;
  const alone = async <T>(take: (session: Session) => Promise<T>): Promise<T> => {
    if (isBusy) throw new ApiError('TooManyRequests', 'another profile is being taken: ask again when it is done');
    isBusy = true;
    const session = new Session();
    try {
      session.connect();
      return await take(session);
    } finally {
      session.disconnect();
      isBusy = false;
    }
  };
  return {
    cpu: (seconds, ctx) =>
      alone(async (session) => {
        await session.post('Profiler.enable');
        await session.post('Profiler.start');
        await pause(seconds, ctx);
        return JSON.stringify((await session.post('Profiler.stop')).profile);
      }),
    heap: (seconds, ctx) =>
      alone(async (session) => {
        await session.post('HeapProfiler.startSampling');
        await pause(seconds, ctx);
        return JSON.stringify((await session.post('HeapProfiler.stopSampling')).profile);
      }),
    // The arguments may name files and addresses, never a secret: those are not taken from there.
    commandLine: () => [process.argv0, ...process.argv.slice(1)],
  };
}

/** A server that ends meanwhile shows what it has. */
async function pause(seconds: number, ctx: Ctx): Promise<void> {
  await sleep(seconds * 1000, ctx).catch(() => undefined);
}
