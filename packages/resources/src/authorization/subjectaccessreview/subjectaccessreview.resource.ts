/** authorization.k8s.io/v1 SubjectAccessReview. Source: kubernetes pkg/registry/authorization/subjectaccessreview. */
import type { SubjectAccessReview } from '@kapella/api/types/authorization-v1';
import { defineResource } from '@kapella/apiserver';
import { checkReviewSpec, reviewAccess, subjectOf } from '../access-review.ts';

export const subjectAccessReviewResource = defineResource<SubjectAccessReview>({
  id: {
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SubjectAccessReview',
    plural: 'subjectaccessreviews',
    singular: 'subjectaccessreview',
  },
  scope: 'cluster',
  verbs: ['create'],
  columns: [],
  async virtual(review, { server }, ctx) {
    const { spec = {} } = review;
    checkReviewSpec(spec, { name: spec.user, groups: spec.groups });
    return { ...review, status: await reviewAccess(spec, subjectOf(spec), server, ctx) };
  },
});
