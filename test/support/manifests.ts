/** Short ways to write the objects that tests create. */
import { BUSYBOX } from './images.ts';

type Json = Record<string, unknown>;

export interface PodOptions {
  readonly image?: string;
  readonly command?: readonly string[];
  /** Runs through `sh -c`. */
  readonly script?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly container?: Json;
  readonly spec?: Json;
  readonly namespace?: string;
}

/** Sleeps until it is told to end, and ends at once then. */
export const IDLE = "trap 'exit 0' TERM; while true; do sleep 1 & wait $!; done";

export function podSpec(options: PodOptions = {}): Json {
  const command = options.command ?? ['sh', '-c', options.script ?? IDLE];
  const container = { name: 'main', image: options.image ?? BUSYBOX, command, ...options.container };
  return { containers: [container], terminationGracePeriodSeconds: 5, ...options.spec };
}

export function pod(name: string, options: PodOptions = {}): Json {
  const metadata = { name, namespace: options.namespace, labels: options.labels ?? { app: name } };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(options) };
}

export function deployment(name: string, replicas: number, options: PodOptions = {}, spec: Json = {}): Json {
  const labels = options.labels ?? { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: options.namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec(options) },
      ...spec,
    },
  };
}

/** A web server that answers its own host name at `/`, on port 8080, ready when it answers. */
export const WEB: PodOptions = {
  script: 'mkdir -p /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www',
  container: {
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
  },
};

export function service(name: string, options: Json & { readonly namespace?: string } = {}): Json {
  const { namespace, ...spec } = options;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
  };
}
