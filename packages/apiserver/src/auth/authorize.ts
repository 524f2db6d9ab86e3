/** Asks the authorizers in order, and words the refusal. Source: apiserver/pkg/endpoints/handlers/responsewriters/errors.go. */
import { ApiError, groupResource } from '@kapella/base';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../resource.ts';
import { ALLOWED, type Attributes, type Authorizer, type Decision, NO_OPINION, type RulesAnswer } from './contract.ts';

export const MASTERS_GROUP = 'system:masters';

/** The first that allows or denies decides. Members of system:masters may do anything. */
export function createAuthorizerChain(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes) {
      if (attributes.user.groups.includes(MASTERS_GROUP)) return ALLOWED;
      const reasons: string[] = [];
      for (const authorizer of authorizers) {
        const answer = authorizer.authorize(attributes);
        if (answer.decision !== 'none') return answer;
        if (answer.reason !== '') reasons.push(answer.reason);
      }
      return reasons.length === 0 ? NO_OPINION : { decision: 'none', reason: reasons.join('\n') };
    },
    rulesFor(user, namespace): RulesAnswer {
      const answers = authorizers.flatMap((authorizer) => authorizer.rulesFor?.(user, namespace) ?? []);
      if (user.groups.includes(MASTERS_GROUP)) answers.push(EVERYTHING);
      return {
        resourceRules: answers.flatMap((answer) => answer.resourceRules),
        nonResourceRules: answers.flatMap((answer) => answer.nonResourceRules),
        incomplete: answers.some((answer) => answer.incomplete),
      };
    },
  };
}

const EVERYTHING: RulesAnswer = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  incomplete: false,
};

/** For tests and for servers that trust whoever reaches them. */
export const alwaysAllow: Authorizer = { authorize: () => ALLOWED };

export function attributesOf(user: UserInfo, info: RequestInfo, query: URLSearchParams): Attributes {
  const { verb, isResource, group, version, resource, subresource, namespace, name, path } = info;
  const fieldSelector = query.size === 0 ? undefined : (query.get('fieldSelector') ?? undefined);
  return { user, verb, isResource, group, version, resource, subresource, namespace, name, path, fieldSelector };
}

/** Throws Forbidden with upstream's words. */
export function requireAllowed(authorizer: Authorizer, attributes: Attributes): void {
  const answer = authorizer.authorize(attributes);
  if (answer.decision !== 'allow') throw forbidden(attributes, answer);
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
