/** /healthz, /livez, /readyz, whole or check by check. Source: apiserver/pkg/server/healthz. */
import type { ApiServer, RouteHandler } from '@kapella/apiserver';
import type { ApiResponse } from '@kapella/client';

const CHECKS = ['ping', 'log', 'store', 'informer-sync'] as const;
const WAIT_MS_MAX = 1_000;

export function healthRoutes(api: ApiServer): [string, RouteHandler][] {
  return (['healthz', 'livez', 'readyz'] as const).flatMap((name): [string, RouteHandler][] => [
    [
      `/${name}`,
      async ({ query }, ctx) =>
        report(name, await failures(api, name, ctx), query.has('verbose'), query.getAll('exclude')),
    ],
    ...CHECKS.map((check): [string, RouteHandler] => [
      `/${name}/${check}`,
      async (_request, ctx) =>
        report(
          name,
          (await failures(api, name, ctx)).filter((failed) => failed === check),
          false,
          [],
        ),
    ]),
  ]);
}

/** Names of the checks that fail. Liveness does not wait for caches. */
async function failures(api: ApiServer, name: string, ctx: Parameters<RouteHandler>[1]): Promise<string[]> {
  const isReady = new Promise<boolean>((resolve) => {
    const timer = ctx.clock.setTimer(WAIT_MS_MAX, () => resolve(false));
    api.ready(ctx).then(
      () => {
        timer.cancel();
        resolve(true);
      },
      () => resolve(false),
    );
  });
  return name === 'livez' || (await isReady) ? [] : ['informer-sync'];
}

function report(name: string, failed: readonly string[], verbose: boolean, excluded: readonly string[]): ApiResponse {
  const bad = failed.filter((check) => !excluded.includes(check));
  const lines = CHECKS.filter((check) => !excluded.includes(check)).map((check) =>
    bad.includes(check) ? `[-]${check} failed: reason withheld` : `[+]${check} ok`,
  );
  const verdict = `${name} check ${bad.length === 0 ? 'passed' : 'failed'}`;
  const body = bad.length === 0 && !verbose ? 'ok' : `${lines.join('\n')}\n${verdict}\n`;
  return {
    status: bad.length === 0 ? 200 : 500,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: new TextEncoder().encode(body),
  };
}
