/** authorization.k8s.io/v1 LocalSubjectAccessReview. Source: kubernetes pkg/registry/authorization/localsubjectaccessreview. */
import type { LocalSubjectAccessReview } from '@kapella/api/types/authorization-v1';
import { defineResource } from '@kapella/apiserver';
import { errors } from '@kapella/base';
import { checkReviewSpec, reviewAccess, subjectOf } from '../access-review.ts';

export const localSubjectAccessReviewResource = defineResource<LocalSubjectAccessReview>({
  id: {
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'LocalSubjectAccessReview',
    plural: 'localsubjectaccessreviews',
    singular: 'localsubjectaccessreview',
  },
  scope: 'namespaced',
  verbs: ['create'],
  columns: [],
  async virtual(review, { namespace, server }, ctx) {
    const { spec = {} } = review;
    checkReviewSpec(spec, 'LocalSubjectAccessReview', { name: spec.user, groups: spec.groups });
    const asked = spec.resourceAttributes?.namespace ?? '';
    if (spec.resourceAttributes === undefined || asked !== namespace) {
      throw errors.badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
    }
    return { ...review, status: await reviewAccess(spec, subjectOf(spec), server, ctx) };
  },
});
