/** All scenarios of the differential suite. */
import type { Scenario } from '../step.ts';
import { creates } from './creates.ts';
import { custom } from './custom.ts';
import { deletes } from './deletes.ts';
import { forms } from './forms.ts';
import { lists } from './lists.ts';
import { patches } from './patches.ts';
import { paths } from './paths.ts';
import { subresources } from './subresources.ts';
import { updates } from './updates.ts';
import { watches } from './watches.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...lists,
  ...watches,
  ...creates,
  ...updates,
  ...patches,
  ...deletes,
  ...forms,
  ...subresources,
  ...custom,
  ...paths,
];
