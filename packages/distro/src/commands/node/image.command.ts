/** `kapella image`: what the cluster's containerd holds. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { members } from '../../cluster/members.ts';
import type { Program } from '../../cluster/node/program.ts';
import { isContainerdRunning } from '../../host/node/containerd.ts';
import { type CtrOptions, importImage, listImages } from '../../host/node/ctr.ts';
import type { CommandInput } from './command.ts';
import { findCluster } from './find-cluster.ts';

export async function image(input: CommandInput, ctx: Ctx): Promise<number> {
  const [verb, ...tars] = input.args;
  if (verb === 'load' && tars.length === 0)
    throw new CliError('Usage', 'image load needs a file', 'kapella image load app.tar');
  if (verb !== 'load' && tars.length > 0)
    throw new CliError('Usage', `image ${verb} takes no argument: "${tars[0]}"`, 'Leave it out.');
  if (verb === 'load') checkFiles(tars, input.program);
  const { options } = await findCluster(input.given);
  const { name } = options;
  const runtimes = members(options).map(({ runtime }) => runtime);
  const running = await Promise.all(runtimes.map(isContainerdRunning));
  if (running.includes(false)) {
    const isRoot = process.getuid?.() === 0;
    const fix = isRoot ? `kapella up --name ${name}` : 'Run it as root: sudo kapella image';
    throw new CliError(isRoot ? 'Runtime' : 'Host', `containerd of cluster ${name} does not answer`, fix);
  }
  const ctrs = runtimes.map((paths): CtrOptions => ({ paths, signal: ctx.signal }));
  if (verb === 'ls') return list(input, ctrs[0] as CtrOptions);
  return load(input, verb === 'load' ? tars : await buildDemo(input), ctrs);
}

function checkFiles(tars: readonly string[], { cwd }: Program): void {
  const absent = tars.find((tar) => !existsSync(resolve(cwd, tar)));
  if (absent !== undefined)
    throw new CliError('Usage', `there is no file ${absent}`, 'Give the path of an image archive.');
}

async function list({ reporter }: CommandInput, ctr: CtrOptions): Promise<number> {
  const images = await listImages(ctr);
  const width = Math.max(5, ...images.map(({ name }) => name.length));
  const lines = images.map(({ name, digest, size }) => `${name.padEnd(width)}  ${digest.slice(7, 19)}  ${size}`);
  reporter.result({ images }, [`${'IMAGE'.padEnd(width)}  ID            SIZE`, ...lines].join('\n'));
  return 0;
}

/** Into every node. */
async function load(
  { reporter, program }: CommandInput,
  tars: readonly string[],
  ctrs: readonly CtrOptions[],
): Promise<number> {
  const loaded: string[] = [];
  for (const tar of tars) {
    const step = reporter.step('load', tar);
    try {
      const [names = []] = await Promise.all(ctrs.map((ctr) => importImage(resolve(program.cwd, tar), ctr)));
      loaded.push(...names);
      step.done(names.join(', '));
    } catch (error) {
      step.failed(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }
  reporter.result({ loaded }, '');
  return 0;
}

interface ImageTools {
  buildDemoImages(options: {
    readonly cacheDir: string;
    readonly guestbookDir: string;
    readonly onImage: (image: { readonly name: string; readonly cached: boolean }) => void;
  }): Promise<readonly { readonly tarPath: string }[]>;
}

/** The builder is a tool of the repository: it is no part of the program that is installed elsewhere. */
async function buildDemo({ program, reporter }: CommandInput): Promise<readonly string[]> {
  const root = repositoryOf(program.script);
  const step = reporter.step('build', 'images of examples/guestbook, from Debian packages and npm');
  const built: string[] = [];
  try {
    const tools = (await import(pathToFileURL(join(root, 'tools/images/index.ts')).href)) as ImageTools;
    const images = await tools.buildDemoImages({
      cacheDir: join(root, '.cache'),
      guestbookDir: join(root, 'examples/guestbook'),
      onImage: ({ name, cached }) => {
        built.push(`${name}${cached ? ' (kept)' : ''}`);
        step.progress(built.join(', '));
      },
    });
    step.done(built.join(', '));
    return images.map(({ tarPath }) => tarPath);
  } catch (error) {
    step.failed(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

function repositoryOf(script: string): string {
  for (let dir = dirname(script); dir !== '/'; dir = dirname(dir)) {
    if (existsSync(join(dir, 'tools/images/index.ts'))) return dir;
  }
  const fix = 'Run it in a clone of the repository, or build images with any other tool: kapella image load';
  throw new CliError('Failed', 'this installation has no builder of the demo images', fix);
}
