/** Probes over real sockets, and exec through the runtime. Sources: kubernetes pkg/probe/{http,tcp,grpc,exec}. */
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Cri } from '../../cri/cri.ts';
import { CriError } from '../../cri/cri.ts';
import type { HttpCall, ProbeDrivers, ProbeOutcome } from '../probe-runner.ts';

const BODY_BYTES_MAX = 10 << 10;
/** Redirects to the same host are followed this often; elsewhere they count as success, as upstream has it. */
const REDIRECTS_MAX = 10;

const success = (output: string): ProbeOutcome => ({ result: 'success', output });
const failure = (output: string): ProbeOutcome => ({ result: 'failure', output });

export function createProbeDrivers(cri: Cri): ProbeDrivers {
  const health = lazyHealthService();
  return {
    http: (call, timeoutMs) => httpProbe(call, timeoutMs, REDIRECTS_MAX),
    tcp: tcpProbe,
    grpc: (host, port, service, timeoutMs) => grpcProbe(health(), host, port, service, timeoutMs),
    async exec(containerId, command, timeoutMs, ctx) {
      const timeoutSeconds = Math.max(1, Math.ceil(timeoutMs / 1000));
      try {
        const { exitCode, stdout, stderr } = await cri.execSync(containerId, command, timeoutSeconds, ctx);
        const output = Buffer.concat([stdout, stderr]).toString('utf8', 0, BODY_BYTES_MAX);
        return exitCode === 0 ? success(output) : failure(output);
      } catch (error) {
        if (!(error instanceof CriError) || error.code !== 'deadlineExceeded') throw error;
        return failure(`command timed out: "${command.join(' ')}" timed out after ${timeoutSeconds}s`);
      }
    },
  };
}

function httpProbe(call: HttpCall, timeoutMs: number, redirectsLeft: number): Promise<ProbeOutcome> {
  const { scheme, host, port, path, headers } = call;
  const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
  return new Promise((resolve) => {
    const send = scheme === 'https' ? httpsRequest : httpRequest;
    const probe = send(url, { headers: { connection: 'close', ...headers }, agent: false, rejectUnauthorized: false });
    const timer = setTimeout(() => {
      const cause = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
      resolve(failure(`Get "${url}": ${cause}`));
      probe.destroy();
    }, timeoutMs);
    const done = (outcome: ProbeOutcome | Promise<ProbeOutcome>) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    probe.on('error', (error) => done(failure(`Get "${url}": ${dialError(error, host, port)}`)));
    probe.on('response', (response) => {
      const onward = redirectTarget(response, call);
      if (onward !== undefined && redirectsLeft > 0) {
        response.resume();
        done(httpProbe(onward, timeoutMs, redirectsLeft - 1));
        return;
      }
      readBody(response).then((body) => {
        const code = response.statusCode ?? 0;
        done(code >= 200 && code < 400 ? success(body) : failure(`HTTP probe failed with statuscode: ${code}`));
      });
    });
    probe.end();
  });
}

function redirectTarget(response: IncomingMessage, call: HttpCall): HttpCall | undefined {
  const { location } = response.headers;
  const code = response.statusCode ?? 0;
  if (location === undefined || code < 300 || code >= 400) return undefined;
  const target = URL.parse(location, `${call.scheme}://${call.host}:${call.port}${call.path}`);
  if (target === null || target.hostname !== call.host) return undefined;
  const scheme = target.protocol === 'https:' ? 'https' : 'http';
  const port = Number(target.port || (scheme === 'https' ? 443 : 80));
  return { ...call, scheme, port, path: `${target.pathname}${target.search}` };
}

function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let body = '';
    response.on('data', (chunk: Buffer) => {
      if (body.length < BODY_BYTES_MAX) body += chunk.toString('utf8');
    });
    response.on('close', () => resolve(body.slice(0, BODY_BYTES_MAX)));
  });
}

function dialError(error: Error, host: string, port: number): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return `dial tcp ${host}:${port}: connect: connection refused`;
  if (code === 'EHOSTUNREACH') return `dial tcp ${host}:${port}: connect: no route to host`;
  if (code === 'ECONNRESET') return 'EOF';
  return error.message;
}

function tcpProbe(host: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (outcome: ProbeOutcome) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(timeoutMs, () => done(failure(`dial tcp ${host}:${port}: i/o timeout`)));
    socket.on('connect', () => done(success('')));
    socket.on('error', (error) => done(failure(dialError(error, host, port))));
  });
}

interface HealthClient extends grpc.Client {
  check(
    request: { service: string },
    options: { deadline: number },
    done: (error: grpc.ServiceError | null, reply?: { status: string }) => void,
  ): void;
}

type HealthService = new (address: string, credentials: grpc.ChannelCredentials) => HealthClient;

/** grpc.health.v1, loaded once, when the first such probe runs. */
function lazyHealthService(): () => HealthService {
  let service: HealthService | undefined;
  return () => {
    if (service !== undefined) return service;
    const definition = loadSync(fileURLToPath(new URL('health.proto', import.meta.url)), {
      enums: String,
      defaults: true,
    });
    // biome-ignore lint/suspicious/noExplicitAny: the shape comes from the proto file
    service = (grpc.loadPackageDefinition(definition) as any).grpc.health.v1.Health as HealthService;
    return service;
  };
}

function grpcProbe(
  Health: HealthService,
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const client = new Health(`${host}:${port}`, grpc.credentials.createInsecure());
  return new Promise((resolve) => {
    client.check({ service }, { deadline: Date.now() + timeoutMs }, (error, reply) => {
      client.close();
      if (error === null && reply?.status === 'SERVING') resolve(success('service healthy'));
      else if (error === null) resolve(failure(`service unhealthy (responded with "${reply?.status}")`));
      else if (error.code === grpc.status.DEADLINE_EXCEEDED)
        resolve(
          failure(
            `timeout: failed to connect service "${host}:${port}" within ${timeoutMs / 1000}s: context deadline exceeded`,
          ),
        );
      else if (error.code === grpc.status.UNIMPLEMENTED)
        resolve(failure('error: this server does not implement the grpc health protocol (grpc.health.v1.Health)'));
      else resolve(failure(`error: health rpc probe failed: ${error.message}`));
    });
  });
}
