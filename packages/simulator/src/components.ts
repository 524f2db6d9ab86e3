/** Scheduler and controllers on a simulated network, each of which can be ended and begun again on its own. */
import { childCtx, type Ctx, describeError } from '@kapella/base';
import type { ControllerDeps } from '@kapella/controller';
import { type ClusterFacts, createControllers, unknownControllers } from '@kapella/controllers';
import { runControllerManager, runScheduler } from '@kapella/control-plane';
import { POD_CIDR } from './api.ts';
import type { Network } from './network.ts';
import { legacyToken } from './plain-tokens.ts';

export interface Component {
  readonly name: string;
  /** Runs until `ctx` aborts. */
  run(ctx: Ctx): Promise<void>;
}

export interface RunningComponent {
  readonly name: string;
  /** Ends it where it stands and begins a new one, which knows nothing of the old one's memory. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const FACTS: ClusterFacts = {
  podCidr: POD_CIDR,
  rootCa: 'none: requests of this cluster carry no certificate',
  certificates: {
    x509: {
      parseRequest: () => {
        throw new Error('a cluster in memory reads no certificate requests');
      },
      notAfterMs: () => undefined,
    },
    signers: new Map(),
  },
  signAccountToken: async (account, secretName) => legacyToken(account.metadata, secretName),
};

export const schedulerComponent = (network: Pick<Network, 'connect'>): Component => ({
  name: 'kube-scheduler',
  run: (ctx) => runScheduler((user) => network.connect('kube-scheduler', user), ctx),
});

/** `wanted`: names as in kube-controller-manager's `--controllers`; `*` stands for all that are on by default. */
export function controllersComponent(network: Pick<Network, 'connect'>, wanted: readonly string[]): Component {
  const unknown = unknownControllers(wanted);
  if (unknown.length > 0) throw new Error(`no controller ${unknown.join(', ')}; see kube-controller-manager --help`);
  return {
    name: 'kube-controller-manager',
    run: (ctx) =>
      runControllerManager(
        (user) => network.connect('kube-controller-manager', user),
        (depsOf: (component: string) => ControllerDeps) => createControllers(wanted, depsOf, FACTS),
        ctx,
      ),
  };
}

export function startComponent(component: Component, ctx: Ctx): RunningComponent {
  const begin = () => {
    const stop = new AbortController();
    let failure: unknown;
    const done = component.run(childCtx(ctx, stop.signal)).catch((error: unknown) => {
      if (stop.signal.aborted || ctx.signal.aborted) return;
      failure = error;
      ctx.log.error('component failed', { component: component.name, error: describeError(error) });
    });
    const end = async () => {
      stop.abort(new Error(`${component.name} was ended`));
      await done;
      if (failure !== undefined) throw failure;
    };
    return { end };
  };
  let running = begin();
  return {
    name: component.name,
    async restart() {
      await running.end();
      running = begin();
    },
    stop: () => running.end(),
  };
}
