/** Many exec streams from one process: kubectl itself would cost more than what is measured. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { WebSocket } from 'ws';
import { parse } from 'yaml';

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 } as const;
/** What each command says first: then it runs, and is not only accepted. */
const HELLO = 'ready\n';

export interface OpenExec {
  /** Sends the bytes, half-closes, and resolves when they have come back and the command has ended well. */
  echo(bytes: Readable, count: number): Promise<void>;
}

/** Resolves when all of them run. */
export function openExecs(kubeconfig: string, ns: string, pod: string, count: number): Promise<readonly OpenExec[]> {
  return Promise.all(Array.from({ length: count }, () => openExec(kubeconfig, ns, pod)));
}

function openExec(kubeconfig: string, ns: string, pod: string): Promise<OpenExec> {
  const config = parse(readFileSync(kubeconfig, 'utf8'));
  const { server, 'certificate-authority-data': ca } = config.clusters[0].cluster;
  const { 'client-certificate-data': cert, 'client-key-data': key } = config.users[0].user;
  const decode = (data: string) => Buffer.from(data, 'base64');
  const url = new URL(`/api/v1/namespaces/${ns}/pods/${pod}/exec`, server);
  url.protocol = 'wss:';
  for (const word of ['sh', '-c', 'echo ready; exec cat']) url.searchParams.append('command', word);
  for (const stream of ['stdin', 'stdout', 'stderr']) url.searchParams.set(stream, 'true');
  const socket = new WebSocket(url, 'v5.channel.k8s.io', { ca: decode(ca), cert: decode(cert), key: decode(key) });
  return new Promise((resolve, reject) => {
    let hello = '';
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`the stream was closed with ${code} before it ran`)));
    socket.on('message', function take(message: Buffer) {
      if (message[0] !== CHANNEL.stdout) return;
      hello += message.subarray(1).toString();
      if (hello !== HELLO) return;
      socket.off('message', take);
      socket.removeAllListeners('close');
      resolve({ echo: (bytes, count) => echo(socket, bytes, count) });
    });
  });
}

async function echo(socket: WebSocket, bytes: Readable, count: number): Promise<void> {
  const sent = createHash('sha256');
  const got = createHash('sha256');
  let gotBytes = 0;
  let status = '';
  const ended = new Promise<void>((resolve, reject) => {
    socket.on('message', (message: Buffer) => {
      if (message[0] === CHANNEL.error) status += message.subarray(1).toString();
      if (message[0] !== CHANNEL.stdout) return;
      got.update(message.subarray(1));
      gotBytes += message.length - 1;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
  for await (const piece of bytes as AsyncIterable<Buffer>) {
    sent.update(piece);
    socket.send(Buffer.concat([Buffer.of(CHANNEL.stdin), piece]));
  }
  socket.send(Buffer.of(CHANNEL.close, CHANNEL.stdin));
  await ended;
  if (gotBytes !== count || got.digest('hex') !== sent.digest('hex')) {
    throw new Error(`${gotBytes} of ${count} bytes came back, or not the same`);
  }
  if (JSON.parse(status).status !== 'Success') throw new Error(`the command ended with ${status}`);
}
