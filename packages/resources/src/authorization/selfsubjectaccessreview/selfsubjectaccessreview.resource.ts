/** authorization.k8s.io/v1 SelfSubjectAccessReview. Source: kubernetes pkg/registry/authorization/selfsubjectaccessreview. */
import type { SelfSubjectAccessReview } from '@kapella/api/types/authorization-v1';
import { defineResource } from '@kapella/apiserver';
import { checkReviewSpec, reviewAccess } from '../access-review.ts';

export const selfSubjectAccessReviewResource = defineResource<SelfSubjectAccessReview>({
  id: {
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectAccessReview',
    plural: 'selfsubjectaccessreviews',
    singular: 'selfsubjectaccessreview',
  },
  scope: 'cluster',
  verbs: ['create'],
  columns: [],
  async virtual(review, { user, server }, ctx) {
    checkReviewSpec(review.spec ?? {});
    return { ...review, status: await reviewAccess(review.spec, user, server, ctx) };
  },
});
