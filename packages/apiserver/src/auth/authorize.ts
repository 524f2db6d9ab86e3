/** Asks the authorizers in order, and words the refusal. Source: apiserver/pkg/endpoints/handlers/responsewriters/errors.go. */
import { ApiError, type Ctx, groupResource } from '@kapella/base';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../resource.ts';
import { ALLOWED, type Attributes, type Authorizer, type Decision, NO_OPINION, type RulesAnswer } from './contract.ts';

export const MASTERS_GROUP = 'system:masters';

/** The first that allows or denies decides. Members of system:masters may do anything. */
export function createAuthorizerChain(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes, ctx) {
      if (attributes.user.groups.includes(MASTERS_GROUP)) return ALLOWED;
      return askFrom(0, authorizers, attributes, [], ctx);
    },
    rulesFor(user, namespace): RulesAnswer {
      const answers = authorizers.flatMap((authorizer) => authorizer.rulesFor?.(user, namespace) ?? []);
      if (user.groups.includes(MASTERS_GROUP)) answers.push(EVERYTHING);
      const errors = answers.flatMap(({ error }) => error ?? []);
      return {
        resourceRules: answers.flatMap((answer) => answer.resourceRules),
        nonResourceRules: answers.flatMap((answer) => answer.nonResourceRules),
        incomplete: answers.some((answer) => answer.incomplete),
        ...(errors.length > 0 && { error: joined(errors) }),
      };
    },
  };
}

/** Asks one after the other, and waits only for those that do not answer at once. */
function askFrom(
  start: number,
  authorizers: readonly Authorizer[],
  attributes: Attributes,
  before: readonly Decision[],
  ctx: Ctx,
): Decision | Promise<Decision> {
  let undecided = before;
  for (let i = start; i < authorizers.length; i++) {
    const answer = (authorizers[i] as Authorizer).authorize(attributes, ctx);
    if (answer instanceof Promise) {
      const earlier = undecided;
      return answer.then((settled) =>
        settled.decision === 'none'
          ? askFrom(i + 1, authorizers, attributes, withOpinion(earlier, settled), ctx)
          : settled,
      );
    }
    if (answer.decision !== 'none') return answer;
    undecided = withOpinion(undecided, answer);
  }
  return undecided.length === 0 ? NO_OPINION : together(undecided);
}

function withOpinion(before: readonly Decision[], answer: Decision): readonly Decision[] {
  return answer.reason === '' && answer.error === undefined ? before : [...before, answer];
}

function together(undecided: readonly Decision[]): Decision {
  const reason = undecided.map((answer) => answer.reason).filter((text) => text !== '');
  const errors = undecided.flatMap(({ error }) => error ?? []);
  return { decision: 'none', reason: reason.join('\n'), ...(errors.length > 0 && { error: joined(errors) }) };
}

/** As upstream's aggregates print. */
function joined(errors: readonly string[]): string {
  const different = [...new Set(errors)];
  return different.length === 1 ? (different[0] ?? '') : `[${different.join(', ')}]`;
}

const EVERYTHING: RulesAnswer = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  incomplete: false,
};

/** For tests and for servers that trust whoever reaches them. */
export const alwaysAllow: Authorizer = { authorize: () => ALLOWED };

export const alwaysDeny: Authorizer = {
  authorize: () => ({ decision: 'none', reason: 'Everything is forbidden.' }),
};

const SELECTING: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);

export function attributesOf(user: UserInfo, info: RequestInfo, query: URLSearchParams): Attributes {
  const { verb, isResource, group, version, resource, subresource, namespace, name, path } = info;
  const given = { user, verb, isResource, group, version, resource, subresource, namespace, name, path };
  if (query.size === 0 || !isResource || !SELECTING.has(verb)) return given;
  const fieldSelector = query.get('fieldSelector') ?? undefined;
  return { ...given, fieldSelector, labelSelector: query.get('labelSelector') ?? undefined };
}

/** undefined: allowed, at once. A promise: wait for it. Both throw Forbidden with upstream's words, or InternalError. */
export function requireAllowed(authorizer: Authorizer, attributes: Attributes, ctx: Ctx): Promise<void> | undefined {
  const answer = authorizer.authorize(attributes, ctx);
  if (answer instanceof Promise) return answer.then((settled) => checkAllowed(settled, attributes));
  checkAllowed(answer, attributes);
  return undefined;
}

/** Throws Forbidden with upstream's words, or InternalError where an authorizer could not decide. */
export function checkAllowed(answer: Decision, attributes: Attributes): void {
  if (answer.decision === 'allow') return;
  if (answer.error === undefined) throw forbidden(attributes, answer);
  const path = JSON.stringify(attributes.path);
  throw new ApiError('InternalError', `Internal Server Error: ${path}: ${answer.error}`);
}

export function forbidden(attributes: Attributes, { reason }: Decision): ApiError {
  const text = forbiddenMessage(attributes).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const why = reason === '' ? text : `${text}: ${reason}`;
  const { group, resource, name } = attributes;
  const subject = resource === '' ? '' : groupResource(group, resource);
  const what = name === '' ? subject : `${subject} ${JSON.stringify(name)}`;
  const message = `${what} is forbidden: ${why}`;
  return new ApiError('Forbidden', resource === '' ? `forbidden: ${why}` : message, {
    details: {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      ...(resource === '' ? {} : { kind: resource }),
    },
  });
}

function forbiddenMessage({
  user,
  verb,
  isResource,
  path,
  resource,
  subresource,
  group,
  namespace,
}: Attributes): string {
  const who = `User ${JSON.stringify(user.username)} cannot ${verb}`;
  if (!isResource) return `${who} path ${JSON.stringify(path)}`;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`;
}
