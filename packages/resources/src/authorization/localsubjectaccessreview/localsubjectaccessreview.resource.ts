/** authorization.k8s.io/v1 LocalSubjectAccessReview. Source: kubernetes pkg/registry/authorization/localsubjectaccessreview. */
import type { LocalSubjectAccessReview } from '@kapella/api/types/authorization-v1';
import { defineResource } from '@kapella/apiserver';
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
    checkReviewSpec(spec, { name: spec.user, groups: spec.groups }, (found) => {
      const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
      const asked = resource?.namespace ?? '';
      const at = 'spec.resourceAttributes.namespace';
      if (resource !== undefined && asked !== namespace) found.invalid(at, asked, 'must match metadata.namespace');
      const why = 'disallowed on this kind of request';
      if (path !== undefined) found.invalid('spec.nonResourceAttributes', path, why);
    });
    return { ...review, status: await reviewAccess(spec, subjectOf(spec), server, ctx) };
  },
});
