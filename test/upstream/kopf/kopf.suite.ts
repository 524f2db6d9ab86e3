/** kopf (Python): the example operators of its own distribution, unchanged, against a control plane with hollow nodes. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCases } from '../support/cases.ts';
import { succeed } from '../support/commands.ts';
import { onControlPlane } from '../support/on-control-plane.ts';
import { startProcess } from '../support/processes.ts';
import { CACHE } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { KOPF_CASES, type Operator } from './kopf.cases.ts';

const PROGRAMS = join(import.meta.dirname, 'programs');
const VERSION = '1.45.2';
const INSTALL_MS_MAX = 10 * 60_000;

/** `only`: a regular expression that narrows the cases. */
export const kopf: UpstreamSuite = {
  name: 'kopf',
  text: `kopf ${VERSION}: its example operators: children, handlers, daemons, timers, admission webhooks, built-in kinds`,
  async run({ only }) {
    const { bin, examples } = await install();
    return onControlPlane({ hollowNodes: 1 }, async ({ cluster, kubectl, directory }) => {
      await kubectl(`create -f ${join(examples, 'crd.yaml')}`);
      await kubectl('wait --for condition=Established crd/kopfexamples.kopf.dev --timeout 30s');
      const certificate = await makeCertificate(directory);
      const operate = (example: string, ...more: string[]): Operator => {
        const files = [join(examples, example, 'example.py'), ...more.map((file) => join(PROGRAMS, file))];
        const process = startProcess(directory, {
          name: example,
          program: join(bin, 'kopf'),
          args: ['run', '--standalone', '--namespace=default', ...files],
          env: { KUBECONFIG: cluster.kubeconfig, PYTHONUNBUFFERED: '1', ...certificate },
        });
        const path = join(directory, `${example}.log`);
        return Object.assign(process, { said: () => (existsSync(path) ? readFileSync(path, 'utf8') : '') });
      };
      return await runCases(KOPF_CASES, { kubectl, operate, object: join(examples, 'obj.yaml') }, only);
    });
  },
};

async function makeCertificate(directory: string): Promise<{ readonly CERT_FILE: string; readonly KEY_FILE: string }> {
  const files = { CERT_FILE: join(directory, 'webhook.crt'), KEY_FILE: join(directory, 'webhook.key') };
  const what = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1'];
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1'];
  await succeed('openssl', ['req', ...what, ...names, '-keyout', files.KEY_FILE, '-out', files.CERT_FILE]);
  return files;
}

/** A virtual environment, and beside it the source distribution, which has the examples. */
async function install(): Promise<{ readonly bin: string; readonly examples: string }> {
  const directory = join(CACHE, 'kopf');
  const bin = join(directory, 'bin');
  const examples = join(directory, `kopf-${VERSION}`, 'examples');
  const done = join(directory, `installed-${VERSION}`);
  if (existsSync(done)) return { bin, examples };
  mkdirSync(directory, { recursive: true });
  await succeed('python3', ['-m', 'venv', directory]);
  const pip = (...args: string[]) =>
    succeed(join(bin, 'python'), ['-m', 'pip', '--quiet', ...args], { cwd: directory, timeoutMs: INSTALL_MS_MAX });
  await pip('install', `kopf[full-auth,dev]==${VERSION}`, 'pykube-ng', 'pyyaml');
  await pip('download', '--no-deps', '--no-binary', 'kopf', `kopf==${VERSION}`);
  const archive = readdirSync(directory).find((file) => file.endsWith('.tar.gz'));
  if (archive === undefined) throw new Error(`pip downloaded no source distribution of kopf ${VERSION}`);
  await succeed('tar', ['xzf', archive], { cwd: directory });
  writeFileSync(done, '');
  return { bin, examples };
}
