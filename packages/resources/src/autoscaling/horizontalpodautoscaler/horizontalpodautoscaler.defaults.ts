/** Defaults of autoscalers. Source: kubernetes pkg/apis/autoscaling/v2/defaults.go. */
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec } from '@kapella/api/types/autoscaling-v2';

const CPU_PERCENT = 80;
const PERIOD_SECONDS = 15;

const percentPolicy = { type: 'Percent', value: 100, periodSeconds: PERIOD_SECONDS } as const;
const podsPolicy = { type: 'Pods', value: 4, periodSeconds: PERIOD_SECONDS } as const;
const cpu: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_PERCENT } },
};

export function withAutoscalerDefaults(object: HorizontalPodAutoscaler): HorizontalPodAutoscaler {
  const spec = object.spec ?? {};
  return {
    ...object,
    spec: {
      ...spec,
      minReplicas: spec.minReplicas ?? 1,
      metrics: spec.metrics?.length ? spec.metrics : [cpu],
      ...(spec.behavior && {
        behavior: {
          scaleUp: withRules(spec.behavior.scaleUp, {
            stabilizationWindowSeconds: 0,
            selectPolicy: 'Max',
            policies: [podsPolicy, percentPolicy],
          }),
          scaleDown: withRules(spec.behavior.scaleDown, { selectPolicy: 'Max', policies: [percentPolicy] }),
        },
      }),
    },
  };
}

function withRules(given: HPAScalingRules | undefined, defaults: HPAScalingRules): HPAScalingRules {
  const set = Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined));
  return { ...defaults, ...set };
}
