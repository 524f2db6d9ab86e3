/** The sandbox image, made here so that the first Pod needs no registry. */
import { arch } from 'node:os';
import { type CpuArch, pauseElf } from '../pause-elf.ts';
import { PAUSE_IMAGE } from '../containerd-config.ts';
import { HostError } from '../step.ts';
import { writeFileAtomic } from './files.ts';
import { buildLayer, type Image, ociLayoutTar } from './oci.ts';

/** @throws HostError Unsupported on any other machine than x86-64 and arm64. */
export function hostArch(): CpuArch {
  const name = arch();
  if (name === 'x64') return 'amd64';
  if (name === 'arm64') return 'arm64';
  throw new HostError('Unsupported', `the processor architecture ${name} is not supported`, 'Use x86-64 or arm64.');
}

export async function pauseImage(cpu: CpuArch, name: string = PAUSE_IMAGE): Promise<Image> {
  const layer = await buildLayer([{ type: 'file', path: 'pause', content: pauseElf(cpu), mode: 0o755 }], 'none');
  return { name, arch: cpu, layers: [layer], config: { entrypoint: ['/pause'], user: '65535:65535', workdir: '/' } };
}

/** Writes the tar and returns its path. */
export async function writePauseImage(imagesDir: string): Promise<string> {
  const path = `${imagesDir}/pause.tar`;
  await writeFileAtomic(path, ociLayoutTar(await pauseImage(hostArch())));
  return path;
}
