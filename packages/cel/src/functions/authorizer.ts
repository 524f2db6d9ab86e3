/** `authorizer.group('apps').resource('deployments').check('create').allowed()`. Source: apiserver/pkg/cel/library/authz.go. */
import { BOOL, type CelType, opaque, STRING } from '../check/types.ts';
import { CelOpaque, type CelValue } from '../values/values.ts';
import { memberFunction, type Overload } from './overload.ts';

/** What an expression asks of the authorizer. */
export interface AuthorizerCheck {
  /** Of a non-resource check. */
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  readonly verb: string;
  /** Namespace and name, where it is not the requesting user who is asked about. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
}

export interface AuthorizerAnswer {
  readonly allowed: boolean;
  readonly reason: string;
  readonly error?: string;
}

/** Bound to the variable `authorizer`. Answers at once: what it needs is in memory. */
export type CelAuthorizer = (check: AuthorizerCheck) => AuthorizerAnswer;

export const AUTHORIZER: CelType = opaque('kubernetes.authorization.Authorizer');
const PATH = opaque('kubernetes.authorization.PathCheck');
const GROUP = opaque('kubernetes.authorization.GroupCheck');
export const RESOURCE_CHECK: CelType = opaque('kubernetes.authorization.ResourceCheck');
const DECISION = opaque('kubernetes.authorization.Decision');

interface Asking {
  readonly ask: CelAuthorizer;
  readonly check: Omit<AuthorizerCheck, 'verb'>;
}

const CHECK_COST = 350_000;

/** The value of the variable `authorizer`. */
export function authorizerValue(ask: CelAuthorizer, check: Asking['check'] = {}): CelOpaque {
  return asking(AUTHORIZER, { ask, check });
}

/** The value of `authorizer.requestResource`. */
export function resourceCheckValue(ask: CelAuthorizer, check: Asking['check']): CelOpaque {
  return asking(RESOURCE_CHECK, { ask, check });
}

function asking(type: CelType, value: Asking): CelOpaque {
  return new CelOpaque((type as { readonly name: string }).name, value, JSON.stringify(value.check));
}

const held = (value: CelValue | undefined) => (value as CelOpaque).value as Asking;

function narrow(name: string, from: CelType, to: CelType, field: keyof AuthorizerCheck): Overload {
  return memberFunction(name, [from, STRING], to, ([value, text]) => {
    const { ask, check } = held(value);
    return asking(to, { ask, check: { ...check, [field]: text as string } });
  });
}

function decide([value, verb]: readonly CelValue[]): CelOpaque {
  const { ask, check } = held(value);
  const answer = ask({ ...check, verb: verb as string });
  return new CelOpaque((DECISION as { readonly name: string }).name, answer, JSON.stringify(answer));
}

const decision = (value: CelValue | undefined) => (value as CelOpaque).value as AuthorizerAnswer;

export const authorizerFunctions: readonly Overload[] = [
  narrow('path', AUTHORIZER, PATH, 'path'),
  narrow('group', AUTHORIZER, GROUP, 'group'),
  narrow('resource', GROUP, RESOURCE_CHECK, 'resource'),
  narrow('subresource', RESOURCE_CHECK, RESOURCE_CHECK, 'subresource'),
  narrow('namespace', RESOURCE_CHECK, RESOURCE_CHECK, 'namespace'),
  narrow('name', RESOURCE_CHECK, RESOURCE_CHECK, 'name'),
  narrow('fieldSelector', RESOURCE_CHECK, RESOURCE_CHECK, 'fieldSelector'),
  narrow('labelSelector', RESOURCE_CHECK, RESOURCE_CHECK, 'labelSelector'),
  memberFunction('serviceAccount', [AUTHORIZER, STRING, STRING], AUTHORIZER, ([value, namespace, name]) => {
    const { ask, check } = held(value);
    const serviceAccount = { namespace: namespace as string, name: name as string };
    return asking(AUTHORIZER, { ask, check: { ...check, serviceAccount } });
  }),
  memberFunction('check', [PATH, STRING], DECISION, decide, () => CHECK_COST),
  memberFunction('check', [RESOURCE_CHECK, STRING], DECISION, decide, () => CHECK_COST),
  memberFunction('allowed', [DECISION], BOOL, ([value]) => decision(value).allowed),
  memberFunction('reason', [DECISION], STRING, ([value]) => decision(value).reason),
  memberFunction('errored', [DECISION], BOOL, ([value]) => decision(value).error !== undefined),
  memberFunction('error', [DECISION], STRING, ([value]) => decision(value).error ?? ''),
];
