/** Which parts of a control plane this server runs, and how. */

export interface ComponentOptions {
  /** Of `api`, `scheduler` and `controllers`, separated by commas. The API server always runs. */
  readonly roles: string;
  /** As kube-controller-manager's `--controllers`; '' means those of a cluster of ours. */
  readonly controllers: string;
  /** What makes load balancers of Services: `none` or `node-addresses`. */
  readonly loadBalancer: string;
}

export const COMPONENT_DEFAULTS: ComponentOptions = {
  roles: 'api,scheduler,controllers',
  controllers: '',
  loadBalancer: 'none',
};

const ROLES = COMPONENT_DEFAULTS.roles.split(',');
const LOAD_BALANCERS = ['none', 'node-addresses'];

interface ComponentOptionSpec {
  readonly field: keyof ComponentOptions;
  readonly flag: string;
  readonly value: string;
  readonly help: string;
  check(value: string): string | undefined;
}

export const COMPONENT_OPTION_SPECS: readonly ComponentOptionSpec[] = [
  {
    field: 'roles',
    flag: '--roles',
    value: 'LIST',
    help: `of ${ROLES.join(', ')}: what runs here; what does not may be upstream's (default: all)`,
    check(value) {
      const roles = value.split(',');
      const isKnown = roles.every((role) => ROLES.includes(role));
      return isKnown && roles.includes('api') ? undefined : `must be a list with api, and of ${ROLES.join(', ')}`;
    },
  },
  {
    field: 'controllers',
    flag: '--controllers',
    value: 'LIST',
    help: "controllers to run, as kube-controller-manager's flag: '*,-job' (default: docs/controllers.md)",
    check: () => undefined,
  },
  {
    field: 'loadBalancer',
    flag: '--load-balancer',
    value: 'WHICH',
    help: 'what answers for Services of type LoadBalancer: none, or node-addresses (default: none)',
    check: (value) => (LOAD_BALANCERS.includes(value) ? undefined : `must be ${LOAD_BALANCERS.join(' or ')}`),
  },
];

/** Defaults where nothing was given. */
export function componentOptionsOf(given: Partial<Record<keyof ComponentOptions, string>>): ComponentOptions {
  return {
    roles: given.roles ?? COMPONENT_DEFAULTS.roles,
    controllers: given.controllers ?? COMPONENT_DEFAULTS.controllers,
    loadBalancer: given.loadBalancer ?? COMPONENT_DEFAULTS.loadBalancer,
  };
}
