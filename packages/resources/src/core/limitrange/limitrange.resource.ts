/** v1 LimitRange, as the API server sees it. Source: kubernetes pkg/registry/core/limitrange. */
import type { LimitRange, LimitRangeItem } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { createdAtColumn, nameColumn } from '../../support/columns.ts';
import { roundResources } from '../../support/resource-list.ts';
import { validateLimitRange } from './limitrange.validate.ts';

export const limitRangeResource = defineResource<LimitRange>({
  id: { group: '', version: 'v1', kind: 'LimitRange', plural: 'limitranges', singular: 'limitrange' },
  names: { short: ['limits'] },
  scope: 'namespaced',
  allowCreateOnUpdate: true,
  columns: [nameColumn(), createdAtColumn()],
  withDefaults: (range) => ({
    ...range,
    spec: { ...range.spec, limits: (range.spec?.limits ?? []).map(withItemDefaults) },
  }),
  validate: validateLimitRange,
  validateUpdate: (next, _old, errors) => validateLimitRange(next, errors),
  allowUnconditionalUpdate: true,
});

/** Of containers: the limit defaults to max, the request to the default limit, else to min. */
function withItemDefaults(item: LimitRangeItem): LimitRangeItem {
  const rounded: Record<string, unknown> = { ...item };
  for (const name of ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const) {
    const list = item[name];
    if (list !== undefined) rounded[name] = roundResources(list);
  }
  const round = rounded as unknown as LimitRangeItem;
  if (item.type !== 'Container') return round;
  const limits = { ...round.max, ...round.default };
  return { ...round, default: limits, defaultRequest: { ...round.min, ...limits, ...round.defaultRequest } };
}
