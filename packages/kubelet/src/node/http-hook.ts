/** httpGet of a postStart or preStop hook. Source: kubernetes pkg/kubelet/lifecycle/handlers.go. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HttpHook } from '../pods/hooks.ts';
import { httpCall } from '../probes/probe-runner.ts';

/** Any answer is fine; its body is not read. */
export const httpHook: HttpHook = async (action, at, ctx) => {
  const call = httpCall(action, at);
  if (typeof call === 'string') throw new Error(call);
  const { scheme, host, port, path, headers } = call;
  const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
  await new Promise<void>((resolve, reject) => {
    const send = scheme === 'https' ? httpsRequest : httpRequest;
    const request = send(url, {
      headers: { ...headers, connection: 'close' },
      agent: false,
      rejectUnauthorized: false,
    });
    const onAbort = () => request.destroy(new Error('the hook was given up'));
    ctx.signal.addEventListener('abort', onAbort, { once: true });
    request.on('error', reject);
    request.on('response', (response) => {
      response.resume();
      resolve();
    });
    request.on('close', () => ctx.signal.removeEventListener('abort', onAbort));
    request.end();
  });
};
