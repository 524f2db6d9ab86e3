/**
 * How this machine tells that it goes down. With logind: a lock that delays it and a signal on the system bus, by systemd's
 * own tools. Without: the run level that init writes, which nobody can delay. Sources: systemd inhibit, org.freedesktop.login1, utmp(5).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { watch } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { ShutdownHost } from '../shutdown-manager.ts';
import { inhibitSeconds, prepareForShutdown, runLevelOf } from '../shutdown-signals.ts';

const run = promisify(execFile);
const LOGIN = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const;
const MATCH = `type='signal',interface='${LOGIN[2]}',member='PrepareForShutdown'`;
const CONF_DIR = '/etc/systemd/logind.conf.d';
const CONF = `${CONF_DIR}/99-kubelet.conf`;
const RELOAD_TRIES = 5;
const RELOAD_MS = 100;
const UTMP = '/run/utmp';

export const hostShutdown: ShutdownHost = {
  async watch(delaySeconds, onShutdown, ctx) {
    const delay = await logindDelay();
    if (delay === undefined) return await watchRunLevel(onShutdown, ctx);
    if (delay < delaySeconds) await allowDelay(delaySeconds, ctx);
    await watchLogind(onShutdown, ctx);
  },
};

/** Seconds that logind waits at most; undefined = there is no logind. */
async function logindDelay(): Promise<number | undefined> {
  return await run('busctl', ['--system', 'get-property', ...LOGIN, 'InhibitDelayMaxUSec']).then(
    ({ stdout }) => inhibitSeconds(stdout),
    () => undefined,
  );
}

async function allowDelay(seconds: number, ctx: Ctx): Promise<void> {
  await fs.mkdir(CONF_DIR, { recursive: true, mode: 0o755 });
  await fs.writeFile(CONF, `# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=${seconds}\n`, { mode: 0o644 });
  await run('systemctl', ['kill', '--signal=HUP', 'systemd-logind.service']);
  for (let i = 0; i < RELOAD_TRIES; i++) {
    if (((await logindDelay()) ?? 0) >= seconds) return;
    await sleep(RELOAD_MS * 2 ** i, ctx);
  }
  throw new Error(`logind does not wait for ${seconds} s, though ${CONF} says so`);
}

async function watchLogind(onShutdown: (isGoingDown: boolean) => Promise<void>, ctx: Ctx): Promise<void> {
  let lock: ChildProcess | undefined = takeLock();
  const monitor = spawn('busctl', ['--system', '--json=short', `--match=${MATCH}`, 'monitor'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => {
    monitor.on('error', () => resolve()).on('exit', () => resolve());
  });
  const stop = () => monitor.kill();
  ctx.signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const line of createInterface({ input: monitor.stdout })) {
      const isGoingDown = prepareForShutdown(line);
      if (isGoingDown === undefined) continue;
      if (!isGoingDown) lock ??= takeLock();
      await onShutdown(isGoingDown).catch((error: unknown) => {
        ctx.log.error('Pods not ended before the shutdown', { error: describeError(error) });
      });
      if (!isGoingDown) continue;
      lock?.stdin?.end();
      lock = undefined;
    }
    await ended;
  } finally {
    ctx.signal.removeEventListener('abort', stop);
    stop();
    lock?.stdin?.end();
  }
}

/** Held until its input ends, as also when this process ends. */
function takeLock(): ChildProcess {
  const words = [
    '--what=shutdown',
    '--mode=delay',
    '--who=kubelet',
    '--why=Kubelet needs time to handle node shutdown',
  ];
  const child = spawn('systemd-inhibit', [...words, 'cat'], { stdio: ['pipe', 'ignore', 'ignore'] });
  child.on('error', () => {}); // without it the shutdown is seen all the same
  child.stdin?.on('error', () => {});
  return child;
}

/** Init writes the level before it ends anything. */
async function watchRunLevel(onShutdown: (isGoingDown: boolean) => Promise<void>, ctx: Ctx): Promise<void> {
  let wasGoingDown = false;
  const look = async () => {
    const level = runLevelOf(await fs.readFile(UTMP).catch(() => new Uint8Array()));
    const isGoingDown = level === '0' || level === '6';
    if (isGoingDown === wasGoingDown) return;
    wasGoingDown = isGoingDown;
    await onShutdown(isGoingDown);
  };
  await new Promise<void>((resolve, reject) => {
    // A machine that writes none of this tells nobody of its end.
    const watcher = watch('/run', (_event, name) => {
      if (name === 'utmp') look().catch(reject);
    });
    watcher.on('error', reject);
    const stop = () => {
      watcher.close();
      resolve();
    };
    if (ctx.signal.aborted) stop();
    else ctx.signal.addEventListener('abort', stop, { once: true });
  });
}
