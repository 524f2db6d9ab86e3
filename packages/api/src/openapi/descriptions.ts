/** Descriptions from the JSON that tools/gen/descriptions.ts writes: type id -> field name or '' -> text. */
import type { Descriptions } from './schemas.ts';

export type DescriptionTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

export function createDescriptions(table: DescriptionTable): Descriptions {
  return {
    describe(typeId, field = '') {
      const texts = Object.hasOwn(table, typeId) ? table[typeId] : undefined;
      return texts !== undefined && Object.hasOwn(texts, field) ? texts[field] : undefined;
    },
  };
}
