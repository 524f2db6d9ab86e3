/** Runs one probe once. What the drivers in node/ offer, and how a Probe becomes a call of them. */
import type { Container, Pod, Probe } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { ProbeResult } from '../prober.ts';

export interface ProbeOutcome {
  readonly result: ProbeResult;
  /** Shown in the event. */
  readonly output: string;
}

export interface HttpCall {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ProbeDrivers {
  http(call: HttpCall, timeoutMs: number, ctx: Ctx): Promise<ProbeOutcome>;
  tcp(host: string, port: number, timeoutMs: number, ctx: Ctx): Promise<ProbeOutcome>;
  grpc(host: string, port: number, service: string, timeoutMs: number, ctx: Ctx): Promise<ProbeOutcome>;
  exec(containerId: string, command: readonly string[], timeoutMs: number, ctx: Ctx): Promise<ProbeOutcome>;
}

export interface ProbedInstance {
  readonly pod: Pod;
  readonly podIp: string;
  readonly container: Container;
  readonly containerId: string;
}

export function runProbe(
  probe: Probe,
  at: ProbedInstance,
  timeoutMs: number,
  drivers: ProbeDrivers,
  ctx: Ctx,
): Promise<ProbeOutcome> {
  if (probe.exec !== undefined) return drivers.exec(at.containerId, probe.exec.command ?? [], timeoutMs, ctx);
  if (probe.httpGet !== undefined) {
    const call = httpCall(probe.httpGet, at);
    return typeof call === 'string' ? failure(call) : drivers.http(call, timeoutMs, ctx);
  }
  if (probe.tcpSocket !== undefined) {
    const port = portNumber(probe.tcpSocket.port, at.container);
    if (typeof port === 'string') return failure(port);
    return drivers.tcp(probe.tcpSocket.host || at.podIp, port, timeoutMs, ctx);
  }
  if (probe.grpc !== undefined)
    return drivers.grpc(at.podIp, probe.grpc.port, probe.grpc.service ?? '', timeoutMs, ctx);
  return failure('missing probe handler');
}

const failure = (output: string): Promise<ProbeOutcome> => Promise.resolve({ result: 'failure', output });

/** Also of lifecycle hooks. Answers why the port is not known instead. */
export function httpCall(action: NonNullable<Probe['httpGet']>, at: ProbedInstance): HttpCall | string {
  const port = portNumber(action.port, at.container);
  if (typeof port === 'string') return port;
  const headers: Record<string, string> = Object.create(null);
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  headers['user-agent'] ??= 'kube-probe/1.36';
  headers.accept ??= '*/*';
  return {
    scheme: action.scheme === 'HTTPS' ? 'https' : 'http',
    host: action.host || at.podIp,
    port,
    path: action.path?.startsWith('/') === true ? action.path : `/${action.path ?? ''}`,
    headers,
  };
}

function portNumber(port: string | number, container: Container): number | string {
  const number = typeof port === 'number' ? port : (namedPort(port, container) ?? Number(port));
  return Number.isInteger(number) && number > 0 && number < 65_536 ? number : `invalid port: ${port}`;
}

function namedPort(name: string, container: Container): number | undefined {
  return container.ports?.find((port) => port.name === name)?.containerPort;
}
