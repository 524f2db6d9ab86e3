/** /logs: the machine's own log files, as an HTTP file server shows them. Source: kubelet.go (EnableSystemLogHandler). */
import { createReadStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '@kapella/base';

const ROOT = '/var/log';

const escapeHtml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;');

/** Throws ApiError NotFound for what is missing, is no file, or leads out of the directory. */
export async function sendHostLog(path: string, response: ServerResponse): Promise<void> {
  const missing = () => new ApiError('NotFound', '404 page not found');
  const real = await fs.realpath(`${ROOT}/${path}`).catch(() => undefined);
  if (real === undefined || (real !== ROOT && !real.startsWith(`${ROOT}/`))) throw missing();
  const info = await fs.stat(real);
  if (info.isDirectory()) {
    const entries = await fs.readdir(real, { withFileTypes: true });
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
    const rows = names.map((name) => `<a href="${encodeURI(name)}">${escapeHtml(name)}</a>\n`);
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(`<pre>\n${rows.join('')}</pre>\n`);
    return;
  }
  if (!info.isFile()) throw missing();
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  await pipeline(createReadStream(real), response);
}
