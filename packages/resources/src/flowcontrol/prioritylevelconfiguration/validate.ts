/** What a PriorityLevelConfiguration may say. Source: kubernetes pkg/apis/flowcontrol/validation/validation.go. */
import type {
  ExemptPriorityLevelConfiguration,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '@kapella/api/types/flowcontrol-v1';
import { MANDATORY_LEVELS, requiredEntropyBits } from '@kapella/apiserver';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { checkConditions } from '../flowschema/validate.ts';

const QUEUES_MAX = 10_000_000;
const HASH_BITS_MAX = 60;

export function validateLevel({ metadata, spec, status }: PriorityLevelConfiguration, errors: FieldErrors): void {
  if ((metadata.name === 'exempt') !== (spec.type === 'Exempt')) {
    errors.invalid('spec.type', spec.type, "must be 'Exempt' if and only if `name` is 'exempt'");
  }
  checkUnion(spec, errors);
  checkMandatory({ metadata, spec } as PriorityLevelConfiguration, errors);
  checkConditions(status?.conditions ?? [], errors);
}

/** The type, and what belongs to it. */
function checkUnion({ type, limited, exempt }: PriorityLevelConfigurationSpec, errors: FieldErrors): void {
  if (type === 'Exempt') {
    if (limited !== undefined) errors.forbidden('spec.limited', 'must be nil if the type is not Limited');
    if (exempt !== undefined) checkShares(exempt, errors, 'spec.exempt');
  } else if (type === 'Limited') {
    if (exempt !== undefined) errors.forbidden('spec.exempt', 'must be nil if the type is Limited');
    if (limited === undefined) errors.required('spec.limited', 'must not be empty when type is Limited');
    else checkLimited(limited, errors);
  } else if ((type ?? '') === '') errors.required('spec.type');
  else errors.notSupported('spec.type', type, ['Exempt', 'Limited']);
}

function checkMandatory({ metadata, spec }: PriorityLevelConfiguration, errors: FieldErrors): void {
  const mandatory = MANDATORY_LEVELS.find((level) => level.metadata.name === metadata.name);
  if (mandatory === undefined) return;
  if (metadata.name === 'exempt') {
    if (jsonEqual({ ...spec, exempt: mandatory.spec.exempt }, mandatory.spec)) return;
    errors.invalid('spec', spec, "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value");
  } else if (!jsonEqual(spec, mandatory.spec)) {
    errors.invalid('spec', spec, `spec of '${metadata.name}' must equal the fixed value`);
  }
}

function checkShares(
  { nominalConcurrencyShares: shares, lendablePercent: percent }: ExemptPriorityLevelConfiguration,
  errors: FieldErrors,
  path: string,
): void {
  if (shares !== undefined && shares < 0) {
    errors.invalid(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer');
  }
  if (percent !== undefined && (percent < 0 || percent > 100)) {
    errors.invalid(`${path}.lendablePercent`, percent, 'must be between 0 and 100, inclusive');
  }
}

function checkLimited(limited: LimitedPriorityLevelConfiguration, errors: FieldErrors): void {
  checkShares(limited, errors, 'spec.limited');
  checkResponse(limited.limitResponse ?? { type: '' }, errors);
  const limit = limited.borrowingLimitPercent;
  if (limit !== undefined && limit < 0) {
    errors.invalid('spec.limited.borrowingLimitPercent', limit, 'if specified, must be a non-negative integer');
  }
}

function checkResponse({ type, queuing }: LimitResponse, errors: FieldErrors): void {
  const path = 'spec.limited.limitResponse';
  if (type === 'Reject') {
    if (queuing === undefined) return;
    errors.forbidden(`${path}.queuing`, 'must be nil if limited.limitResponse.type is not Limited');
  } else if (type === 'Queue') {
    if (queuing !== undefined) checkQueuing(queuing, errors, `${path}.queuing`);
    else errors.required(`${path}.queuing`, 'must not be empty if limited.limitResponse.type is Limited');
  } else if ((type ?? '') === '') errors.required(`${path}.type`);
  else errors.notSupported(`${path}.type`, type, ['Queue', 'Reject']);
}

function checkQueuing(queuing: QueuingConfiguration, errors: FieldErrors, path: string): void {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  if (queueLengthLimit <= 0) errors.invalid(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive');
  if (queues <= 0) errors.invalid(`${path}.queues`, queues, 'must be positive');
  else if (queues > QUEUES_MAX) errors.invalid(`${path}.queues`, queues, `must not be greater than ${QUEUES_MAX}`);
  const wrong = (why: string) => errors.invalid(`${path}.handSize`, handSize, why);
  if (handSize <= 0) wrong('must be positive');
  else if (handSize > queues) wrong(`should not be greater than queues (${queues})`);
  else if (requiredEntropyBits(queues, handSize) > HASH_BITS_MAX) {
    const sizes = `deckSize ${queues} and handSize ${handSize}`;
    wrong(`required entropy bits of ${sizes} should not be greater than ${HASH_BITS_MAX}`);
  }
}
