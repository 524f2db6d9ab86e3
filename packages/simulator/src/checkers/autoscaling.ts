/** An autoscaler stays within what it was allowed. */
import { type Checker, nameOf } from './checker.ts';

const SCALE = /^\/apis\/apps\/v1\/namespaces\/([^/]+)\/deployments\/([^/]+)\/scale$/;
const AUTOSCALER = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler';

export const autoscalerBounded: Checker = {
  name: 'autoscaler-within-bounds',
  watch(world) {
    world.onAnswer.push(({ method, path, user }, status) => {
      const match = method === 'GET' || status >= 300 || user.username !== AUTOSCALER ? null : SCALE.exec(path);
      if (match === null) return;
      const [, namespace, name] = match;
      const target = world.truth.list('Deployment', namespace).find(({ metadata }) => metadata.name === name);
      const scaler = world.truth
        .list('HorizontalPodAutoscaler', namespace)
        .find(({ spec }) => spec?.scaleTargetRef?.name === name);
      const replicas = target?.spec?.replicas ?? 0;
      const { minReplicas = 1, maxReplicas } = scaler?.spec ?? {};
      if (scaler !== undefined && (replicas < minReplicas || replicas > maxReplicas))
        world.violate(
          'autoscaler-within-bounds',
          `${nameOf(scaler)}: ${replicas}, not ${minReplicas} to ${maxReplicas}`,
        );
    });
  },
};
