/** The API of the guestbook: entries are kept in Redis, newest first. Configuration comes from the environment. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { Redis } from './redis.ts';

const KEY = 'guestbook:entries';
const BODY_BYTES_MAX = 8192;
const ENTRIES_MAX = 50;

const env = (name: string, fallback: string) => process.env[name] ?? fallback;
const redis = new Redis({
  host: env('REDIS_HOST', '127.0.0.1'),
  port: Number(env('REDIS_PORT', '6379')),
  password: env('REDIS_PASSWORD', ''),
  timeoutMs: 2000,
});

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly time: string;
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const route = `${request.method} ${pathname}`;
  if (route === 'GET /healthz') return send(response, 200, { ok: true });
  if (route === 'GET /readyz') return send(response, 200, { ok: (await redis.command('PING')) === 'PONG' });
  if (route === 'GET /api/info') return send(response, 200, { pod: hostname(), title: env('TITLE', 'Guestbook') });
  if (route === 'GET /api/entries') return send(response, 200, await readEntries());
  if (route === 'POST /api/entries') return addEntry(request, response);
  return send(response, 404, { error: 'not found' });
}

async function readEntries(): Promise<readonly Entry[]> {
  const rows = await redis.command('LRANGE', KEY, '0', String(ENTRIES_MAX - 1));
  return Array.isArray(rows) ? rows.map((row) => JSON.parse(String(row)) as Entry) : [];
}

async function addEntry(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return send(response, 413, { error: `more than ${BODY_BYTES_MAX} bytes` });
  const entry = parseEntry(body);
  if (entry === undefined) return send(response, 400, { error: 'wanted: {"name": "…", "text": "…"}, neither empty' });
  await redis.command('LPUSH', KEY, JSON.stringify(entry));
  return send(response, 201, entry);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseEntry(body: string): Entry | undefined {
  try {
    const { name, text } = JSON.parse(body) as Record<string, unknown>;
    if (typeof name !== 'string' || typeof text !== 'string' || name.trim() === '' || text.trim() === '')
      return undefined;
    return { name: name.trim().slice(0, 60), text: text.trim().slice(0, 1000), time: new Date().toISOString() };
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-pod': hostname() });
  response.end(`${JSON.stringify(value)}\n`);
}

const server = createServer((request, response) => {
  handle(request, response).catch((error: Error) => {
    console.error(JSON.stringify({ event: 'request failed', url: request.url, error: error.message }));
    if (!response.headersSent) send(response, 503, { error: 'the database is not there; try again' });
  });
});
const port = Number(env('PORT', '8080'));
server.listen(port, () => console.log(JSON.stringify({ event: 'listening', port, pod: hostname() })));

// Requests under way are answered; idle connections are closed, so that the Pod ends at once.
process.on('SIGTERM', () => {
  server.close(() => redis.close());
  server.closeIdleConnections();
});
