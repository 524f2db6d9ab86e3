/** Descriptions from the JSON that tools/gen/descriptions.ts writes: type id -> field name or '' -> text. */
import type { Descriptions } from './schemas.ts';

export type DescriptionTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The source has no texts of fields that are references; what stands at every object and every list is known anyway. */
function ofMetadata(typeId: string): string {
  return typeId.endsWith('List') ? 'Standard list metadata.' : "Standard object's metadata.";
}

export function createDescriptions(table: DescriptionTable): Descriptions {
  return {
    describe(typeId, field = '') {
      const texts = Object.hasOwn(table, typeId) ? table[typeId] : undefined;
      if (texts === undefined) return undefined;
      if (Object.hasOwn(texts, field)) return texts[field];
      return field === 'metadata' ? ofMetadata(typeId) : undefined;
    },
  };
}
