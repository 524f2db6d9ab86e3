/** authentication.k8s.io/v1 SelfSubjectReview: who am I. Source: kubernetes pkg/registry/authentication/selfsubjectreview. */
import type { SelfSubjectReview } from '@kapella/api/types/authentication-v1';
import { defineResource } from '@kapella/apiserver';
import { formatTime } from '@kapella/base';

export const selfSubjectReviewResource = defineResource<SelfSubjectReview>({
  id: {
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectReview',
    plural: 'selfsubjectreviews',
    singular: 'selfsubjectreview',
  },
  scope: 'cluster',
  verbs: ['create'],
  columns: [],
  async virtual(review, { user, nowMs }) {
    const { username, uid, groups, extra } = user;
    return {
      ...review,
      metadata: { ...review.metadata, creationTimestamp: formatTime(nowMs) },
      status: { userInfo: { username, ...(uid && { uid }), groups: [...groups], ...(extra && { extra }) } },
    };
  },
});
