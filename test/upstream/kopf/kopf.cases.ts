/** What kopf's example operators do, seen from the API. */
import assert from 'node:assert/strict';
import { eventually } from '../../support/cluster.ts';
import type { Case } from '../support/cases.ts';
import type { Kubectl, Manifest } from '../support/commands.ts';
import type { BackgroundProcess } from '../support/processes.ts';

export interface Operator extends BackgroundProcess {
  /** All that it printed. */
  said(): string;
}

export interface KopfContext {
  readonly kubectl: Kubectl;
  /** Runs an example, with more of the suite's own files; end it with what it was started for. */
  operate(example: string, ...more: string[]): Operator;
  /** The manifest of a KopfExample. */
  readonly object: string;
}

const NAME = 'kopfexample kopf-example-1';
const SETTLED_MS_MAX = 60_000;
const FINALIZER = 'kopf.zalando.org/KopfFinalizerMarker';

interface Example extends Manifest {
  readonly metadata: Manifest['metadata'] & {
    readonly uid: string;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly { readonly kind: string }[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Manifest['status'] & {
    readonly message?: string;
    readonly create_fn?: { readonly message?: string; readonly children?: readonly string[] };
  };
}

const read = (kubectl: Kubectl) => kubectl.get<Example>(NAME);

const says = (operator: Operator, text: string) =>
  eventually(
    `the operator says ${text}`,
    async () => {
      await operator.check();
      return operator.said().includes(text);
    },
    SETTLED_MS_MAX,
  );

async function remove(kubectl: Kubectl): Promise<void> {
  await kubectl(`delete ${NAME} --timeout 60s`);
}

const status: Case<KopfContext> = {
  name: 'a handler answers into the status, and the object keeps what was handled last',
  async run({ kubectl, operate, object }) {
    await using _operator = operate('01-minimal');
    await kubectl(`apply -f ${object}`);
    await eventually(
      'the handler has answered',
      async () => (await read(kubectl)).status?.create_fn?.message === 'hello world',
      SETTLED_MS_MAX,
    );
    const { metadata } = await read(kubectl);
    assert.ok(metadata.annotations?.['kopf.zalando.org/last-handled-configuration']);
    await remove(kubectl);
  },
};

const children: Case<KopfContext> = {
  name: 'a child is adopted, and goes with its parent',
  async run({ kubectl, operate, object }) {
    await using _operator = operate('02-children');
    await kubectl(`apply -f ${object}`);
    const uids = await eventually(
      'the child is known',
      async () => (await read(kubectl)).status?.create_fn?.children,
      SETTLED_MS_MAX,
    );
    const pods = await kubectl.get<Manifest & { items: readonly Example[] }>('pods');
    const child = pods.items.find(({ metadata }) => uids.includes(metadata.uid));
    assert.equal(child?.metadata.ownerReferences?.[0]?.kind, 'KopfExample');
    await remove(kubectl);
    await eventually(
      'the child is collected',
      async () => {
        const left = await kubectl.get<Manifest & { items: readonly Example[] }>('pods');
        return !left.items.some(({ metadata }) => uids.includes(metadata.uid));
      },
      SETTLED_MS_MAX,
    );
  },
};

const handlers: Case<KopfContext> = {
  name: 'created, updated, a field changed, and deleted, with a finalizer until all is done',
  async run({ kubectl, operate, object }) {
    await using operator = operate('05-handlers');
    await kubectl(`apply -f ${object}`);
    await says(operator, "Handler 'create_fn_2' succeeded");
    assert.deepEqual((await read(kubectl)).metadata.finalizers, [FINALIZER]);
    await kubectl(`patch ${NAME} --type merge -p '{"spec":{"field":"newvalue"}}'`);
    await says(operator, "Handler 'update_fn' succeeded");
    await says(operator, "Handler 'field_fn/spec.field' succeeded");
    await remove(kubectl);
    await says(operator, "Handler 'delete_fn_2' succeeded");
  },
};

const daemons: Case<KopfContext> = {
  name: 'daemons try again, run beside the object, and end with it',
  async run({ kubectl, operate, object }) {
    await using operator = operate('14-daemons');
    await kubectl(`apply -f ${object}`);
    await eventually(
      'the daemon has failed three times',
      async () => (await read(kubectl)).status?.message === 'Failed 3 times.',
      SETTLED_MS_MAX,
    );
    await says(operator, '=> Ping from an async daemon');
    await remove(kubectl);
  },
};

const timers: Case<KopfContext> = {
  name: 'timers start when the object has been idle',
  async run({ kubectl, operate, object }) {
    await using operator = operate('15-timers');
    await kubectl(`apply -f ${object}`);
    await says(operator, 'Ping from an async timer');
    await remove(kubectl);
  },
};

const admission: Case<KopfContext> = {
  name: 'webhooks with a certificate of their own refuse, warn and change',
  async run({ kubectl, operate, object }) {
    await using operator = operate('17-admission', 'certificate.py');
    await eventually(
      'the webhooks are registered',
      async () => {
        await operator.check();
        const found = await kubectl('get mutatingwebhookconfiguration auto.kopf.dev -o name --ignore-not-found');
        return found.trim() !== '';
      },
      SETTLED_MS_MAX,
    );
    const injected = async () => {
      await kubectl(`apply -f ${object}`);
      return (await read(kubectl)).spec.injected === 123;
    };
    await eventually('the object is changed on its way', () => injected().catch(() => false), SETTLED_MS_MAX);
    await assert.rejects(
      kubectl(`patch ${NAME} --type merge -p '{"spec":{"field":"wrong"}}'`),
      /denied the request: Meh! I don't like it. Change the field./,
    );
    await assert.rejects(
      kubectl(`patch ${NAME} --type merge -p '{"spec":{"field":"not-allowed"}}'`),
      /denied the request: I'm too lazy anyway. Go away!/,
    );
    await kubectl(
      'delete mutatingwebhookconfiguration,validatingwebhookconfiguration auto.kopf.dev --ignore-not-found',
    );
    await remove(kubectl);
  },
};

const builtins: Case<KopfContext> = {
  name: 'Pods are handled as custom resources are, with a finalizer of the operator',
  async run({ kubectl, operate }) {
    await using operator = operate('10-builtins');
    await kubectl('run seen --image registry.example.com/main:1');
    await says(operator, "Handler 'pod_in_sight' succeeded");
    const { metadata } = await kubectl.get<Example>('pod seen');
    assert.deepEqual(metadata.finalizers, [FINALIZER]);
    await kubectl('delete pod seen --timeout 60s');
  },
};

export const KOPF_CASES: readonly Case<KopfContext>[] = [
  status,
  children,
  handlers,
  daemons,
  timers,
  admission,
  builtins,
];
