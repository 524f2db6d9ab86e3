/** A real image registry on loopback: Debian's docker-registry, unpacked, not installed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@kapella/distro/host/node';
import { DEFAULT_CACHE_DIR, debianProgram } from '@kapella/tools/images';

export interface RegistryOptions {
  /** 127.0.0.1 when absent. */
  readonly host?: string;
  /** A free one when absent. */
  readonly port?: number;
  /** With it every request must sign in. */
  readonly auth?: { readonly username: string; readonly password: string };
  readonly cacheDir?: string;
}

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:41234`: the first part of image names. */
  readonly address: string;
  /** `http://127.0.0.1:41234` */
  readonly url: string;
  /** Ends it and removes what it holds. */
  stop(): Promise<void>;
}

export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const cacheDir = options.cacheDir ?? DEFAULT_CACHE_DIR;
  const program = await debianProgram({ package: 'docker-registry', path: '/usr/bin/docker-registry', cacheDir });
  const dir = await mkdtemp(join(tmpdir(), 'registry-'));
  try {
    await writeFile(`${dir}/config.yml`, await configuration(dir, options));
    const child = spawn(program, ['serve', `${dir}/config.yml`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
    });
    const address = await listeningAddress(child);
    const stop = () => stopRegistry(child, dir);
    return { address, url: `http://${address}`, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

async function configuration(dir: string, { host = '127.0.0.1', port = 0, auth }: RegistryOptions): Promise<string> {
  const lines = {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: `${dir}/data` }, delete: { enabled: true } },
    http: { addr: `${host}:${port}`, secret: 'test' },
    ...(auth === undefined ? {} : { auth: { htpasswd: { realm: 'test', path: `${dir}/htpasswd` } } }),
  };
  if (auth !== undefined) await writeFile(`${dir}/htpasswd`, `${auth.username}:${await bcrypt(auth.password)}\n`);
  return JSON.stringify(lines); // JSON is YAML
}

const BCRYPT_ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** The registry takes no other hash. crypt(3) of Debian knows it, and perl, which every Debian has, knows crypt. */
async function bcrypt(password: string): Promise<string> {
  const salt = Array.from({ length: 21 }, () => BCRYPT_ALPHABET[randomInt(64)]).join('');
  const { stdout } = await run('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, `$2b$05$${salt}.`]);
  if (!stdout.startsWith('$2b$')) throw new Error('crypt of this system makes no bcrypt hashes');
  return stdout;
}

/** Its log goes on being read: a full or closed pipe would stop it. */
function listeningAddress(child: ChildProcess): Promise<string> {
  let log = '';
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      if (log.length < 65_536) log += String(chunk);
      const address = /listening on ([\d.]+:\d+|\[[^\]]+\]:\d+)/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once('error', reject);
    child.once('exit', () =>
      reject(new Error(`docker-registry ended: ${log.trim().split('\n').slice(-2).join(' | ')}`)),
    );
  });
}

async function stopRegistry(child: ChildProcess, dir: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await once(child, 'exit');
    clearTimeout(timer);
  }
  await rm(dir, { recursive: true, force: true });
}
