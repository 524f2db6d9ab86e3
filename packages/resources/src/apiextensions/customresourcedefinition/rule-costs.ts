/** What rules may cost at worst. Source: apiextensions-apiserver validation.go and cel_validation.go. */
import type { FieldErrors } from '@kapella/base';

/** Units for one expression, as often as its value can be there. */
export const EACH_MAX = 10_000_000;
/** Units for all expressions of one schema. */
const TOTAL_MAX = 100_000_000;
const SHOWN_MAX = 4;

/** A factor above two orders of magnitude says no more than that. */
export function tooCostly(what: string, cost: number, max: number): string {
  const factor = cost / max;
  const shown = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  const how =
    'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';
  return `${what} exceeds budget by factor of ${shown} (${how})`;
}

/** Adds up one schema, and remembers what cost most. */
export class TotalCost {
  #sum = 0;
  #dearest: { readonly field: string; readonly cost: number }[] = [];

  add(field: string, cost: number): void {
    this.#sum += cost;
    if (cost < TOTAL_MAX / 100) return;
    this.#dearest.push({ field, cost });
    this.#dearest.sort((a, b) => b.cost - a.cost);
    this.#dearest.length = Math.min(this.#dearest.length, SHOWN_MAX);
  }

  report(schemaField: string, errors: FieldErrors): void {
    if (this.#sum <= TOTAL_MAX) return;
    for (const { field } of this.#dearest) {
      const why = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
      errors.forbidden(field, why);
    }
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    errors.forbidden(schemaField, tooCostly(what, this.#sum, TOTAL_MAX));
  }
}
