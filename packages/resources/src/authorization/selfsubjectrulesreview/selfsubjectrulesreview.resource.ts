/** authorization.k8s.io/v1 SelfSubjectRulesReview: all that I may do in a namespace. Source: pkg/registry/authorization. */
import type { SelfSubjectRulesReview } from '@kapella/api/types/authorization-v1';
import { defineResource } from '@kapella/apiserver';
import { errors } from '@kapella/base';
import type { AccessAuthorizer } from '../access-review.ts';

export const selfSubjectRulesReviewResource = defineResource<SelfSubjectRulesReview>({
  id: {
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectRulesReview',
    plural: 'selfsubjectrulesreviews',
    singular: 'selfsubjectrulesreview',
  },
  scope: 'cluster',
  verbs: ['create'],
  columns: [],
  async virtual(review, { user, server }, ctx) {
    const namespace = review.spec?.namespace;
    if (!namespace) throw errors.badRequest('no namespace on request');
    const authorizer = server.service<AccessAuthorizer>('authorizer');
    const { resourceRules, nonResourceRules, incomplete, error } = await authorizer.rulesFor(user, namespace, ctx);
    return {
      ...review,
      status: {
        resourceRules,
        nonResourceRules,
        incomplete: incomplete ?? false,
        ...(error && { evaluationError: error }),
      },
    };
  },
});
