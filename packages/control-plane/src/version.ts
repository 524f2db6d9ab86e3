/** The version of Kubernetes whose API this is, with Kapella's own behind the plus. */
export const KUBERNETES_VERSION = 'v1.36.3+kapella1';
