/** Applies rules with `nft -f -` and forgets flows with `conntrack -D`. Needs CAP_NET_ADMIN and both programs. */
import { spawn } from 'node:child_process';
import { type Ctx, ApiError, describeError } from '@kapella/base';
import type { ProxyBackend } from '../../../backend.ts';
import type { Family, ProxyNode, StaleFlow } from '../../../model.ts';
import { renderChange, renderFull, renderRemove } from '../../../render-nft.ts';

const STDERR_CHARS_MAX = 2_000;

export interface NftablesOptions {
  /** Names the table, so that clusters side by side do not meet. */
  readonly clusterName: string;
  readonly node: ProxyNode;
  /** Put before each command, e.g. `['ip', 'netns', 'exec', 'x']`. */
  readonly commandPrefix?: readonly string[];
}

export function createNftablesBackend(options: NftablesOptions): ProxyBackend {
  const { clusterName, node, commandPrefix = [] } = options;
  const run = (args: readonly string[], stdin: string, ctx: Ctx) => runCommand([...commandPrefix, ...args], stdin, ctx);
  const nft = (text: string, ctx: Ctx) => run(['nft', '-f', '-'], text, ctx);
  /** A packet from 127.0.0.1 leaves by a Pod's cable only if that cable may carry it. */
  const allowLoopback = async (endpoints: readonly (ReadonlyMap<string, string> | undefined)[], ctx: Ctx) => {
    for (const address of loopbackTargets(endpoints)) {
      try {
        const text = await run(['ip', '-o', 'route', 'get', address], '', ctx);
        const dev = / dev (\S+)/.exec(text)?.[1];
        if (dev !== undefined) await run(['sysctl', '-qw', `net/ipv4/conf/${dev}/route_localnet=1`], '', ctx);
      } catch (error) {
        ctx.log.warn('loopback hostPort not reachable', { address, reason: describeError(error) });
      }
    }
  };
  return {
    async replace(states, ctx) {
      const text = states.map((state) => renderFull(state, clusterName, node)).join('');
      try {
        await nft(text, ctx);
      } catch (error) {
        // A table of another version may not take these sets: start it anew, at the price of the clients' memory.
        ctx.log.warn('proxy table replaced', { reason: describeError(error) });
        const removal = states.map((state) => renderRemove(state.family, clusterName)).join('');
        await nft(removal + text, ctx);
      }
      await allowLoopback(
        states.map((state) => state.sets.get('endpoints')),
        ctx,
      );
    },
    async apply(changes, ctx) {
      const text = changes.map((change) => renderChange(change, clusterName)).join('');
      if (text !== '') await nft(text, ctx);
      await allowLoopback(
        changes.map((change) => change.sets.get('endpoints')?.added),
        ctx,
      );
    },
    async forgetFlows(flows, ctx) {
      for (const flow of flows) {
        try {
          await run(['conntrack', ...conntrackArgs(flow)], '', ctx);
        } catch (error) {
          // It ends with 1 when no flow matched; that is the usual case.
          if (!describeError(error).includes('0 flow entries')) {
            ctx.log.warn('udp flow not forgotten', { ip: flow.ip, port: flow.port, reason: describeError(error) });
          }
        }
      }
    },
    async remove(ctx) {
      const families: readonly Family[] = ['IPv4', 'IPv6'];
      await nft(families.map((family) => renderRemove(family, clusterName)).join(''), ctx);
    },
  };
}

/** Addresses that are reached through a frontend on loopback. */
function loopbackTargets(endpoints: readonly (ReadonlyMap<string, string> | undefined)[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const map of endpoints) {
    for (const [key, value] of map ?? []) if (key.startsWith('127.')) found.add(value.split(' ')[0] as string);
  }
  return found;
}

export function conntrackArgs(flow: StaleFlow): readonly string[] {
  const args = ['-D', '-f', flow.family === 'IPv6' ? 'ipv6' : 'ipv4', '-p', 'udp', '-d', flow.ip];
  args.push('--orig-port-dst', String(flow.port));
  if (flow.endpoint !== undefined) {
    args.push('-r', flow.endpoint.ip, '--reply-port-src', String(flow.endpoint.port));
  }
  return args;
}

/** Resolves with stdout when the program ends with 0; else rejects with what it wrote to stderr. */
function runCommand(command: readonly string[], stdin: string, ctx: Ctx): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { signal: ctx.signal as globalThis.AbortSignal });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      if (stderr.length < STDERR_CHARS_MAX) stderr += part;
    });
    child.on('error', (cause) => reject(new ApiError('InternalError', `${program} cannot run`, { cause })));
    child.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else
        reject(
          new ApiError('InternalError', `${program} ended with ${code}: ${stderr.slice(0, STDERR_CHARS_MAX).trim()}`),
        );
    });
    child.stdin.on('error', () => {}); // The program may end before it has read all; its exit code says why.
    child.stdin.end(stdin);
  });
}
