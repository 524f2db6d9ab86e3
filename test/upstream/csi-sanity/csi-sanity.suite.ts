/** csi-sanity against the driver of packages/csi-driver, on this machine's loop devices. Needs root and xfsprogs. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, run } from '../../support/cluster.ts';
import { ensureXfs, LOOP_DRIVER_MAIN } from '../../support/csi.ts';
import { readReport } from '../support/e2e-test.ts';
import { upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';

const MINUTES_MAX = 10;
const SIZE_BYTES = 1024 ** 3;

/** `only`: a regular expression that narrows the specs. */
export const csiSanity: UpstreamSuite = {
  name: 'csi-sanity',
  text: 'csi-sanity on the CSI driver loop.csi.kapella.io: every call that the driver offers',
  async run({ only, results }) {
    const program = await upstreamProgram('csi-sanity');
    await ensureXfs();
    mkdirSync(results, { recursive: true });
    const dir = mkdtempSync(join(tmpdir(), 'kapella-sanity-'));
    const socket = join(dir, 'csi.sock');
    const args = [LOOP_DRIVER_MAIN, '--data-dir', join(dir, 'data'), '--socket', socket, '--node', 'sanity'];
    const driver = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = new Promise<void>((resolve) => driver.once('close', () => resolve()));
    try {
      await eventually('the driver serves', async () => (await run('test', ['-S', socket], {})).code === 0);
      const report = join(results, 'csi-sanity.json');
      const places = [`--csi.endpoint=${socket}`, `--csi.stagingdir=${dir}/staging`, `--csi.mountdir=${dir}/mount`];
      const sizes = [`--csi.testvolumesize=${SIZE_BYTES}`, `--csi.testvolumeexpandsize=${2 * SIZE_BYTES}`];
      const ginkgo = [`--ginkgo.json-report=${report}`, ...(only === undefined ? [] : [`--ginkgo.focus=${only}`])];
      const { stdout } = await run(program, [...places, ...sizes, ...ginkgo], { timeoutMs: MINUTES_MAX * 60_000 });
      writeFileSync(join(results, 'csi-sanity.log'), stdout);
      return readReport(withoutPending(JSON.parse(readFileSync(report, 'utf8'))));
    } finally {
      driver.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

type Reports = Parameters<typeof readReport>[0];

/** What csi-sanity itself has put off. */
const withoutPending = (reports: Reports): Reports =>
  reports.map(({ SpecReports }) => ({ SpecReports: (SpecReports ?? []).filter(({ State }) => State !== 'pending') }));
