/** all, exists, map and the like. Source: the CEL language definition, macros. */
import type { ComprehensionMacro } from '../syntax/ast.ts';
import { ArrayList, CelError, CelList, CelMap, type CelValue, ValueMap } from '../values/values.ts';
import { absorbable, type Evaluate, type Frame } from './compile.ts';

export interface ComprehensionParts {
  readonly range: Evaluate;
  /** Of the variables: one, or index or key and value. */
  readonly slots: readonly number[];
  readonly filter: Evaluate | undefined;
  readonly body: Evaluate;
}

/** Units for each round, beside what its parts cost. */
const ROUND_COST = 2;

export function compileComprehension(macro: ComprehensionMacro, parts: ComprehensionParts): Evaluate {
  switch (macro) {
    case 'all':
      return quantifier(parts, false);
    case 'exists':
      return quantifier(parts, true);
    case 'existsOne':
      return (frame) => {
        let count = 0;
        each(frame, parts, () => {
          if (bool(parts.body(frame))) count++;
          return true;
        });
        return count === 1;
      };
    case 'filter':
      return collect(parts, (frame, _key, value) => (bool(parts.body(frame)) ? [value] : []));
    case 'map':
    case 'transformList':
      return collect(parts, (frame) => (isTaken(parts, frame) ? [parts.body(frame)] : []));
    case 'transformMap':
      return entries(parts, (frame, key) => [[key, parts.body(frame)]]);
    case 'transformMapEntry':
      return entries(parts, (frame) => {
        const made = parts.body(frame) as CelMap;
        return made.keys().map((key) => [key, made.get(key) as CelValue] as const);
      });
  }
}

function bool(value: CelValue): boolean {
  if (typeof value !== 'boolean') throw new CelError('no such overload');
  return value;
}

const isTaken = ({ filter }: ComprehensionParts, frame: Frame) => filter === undefined || bool(filter(frame));

/** Stops when `round` answers false. `key`: index or key; `value`: what one variable stands for. */
function each(
  frame: Frame,
  { range, slots }: ComprehensionParts,
  round: (key: CelValue, value: CelValue) => boolean,
): void {
  const all = range(frame);
  const [first = 0, second] = slots;
  frame.spend(1);
  const step = (key: CelValue, value: CelValue, single: CelValue): boolean => {
    frame.spend(ROUND_COST);
    frame.slots[first] = second === undefined ? single : key;
    if (second !== undefined) frame.slots[second] = value;
    return round(key, single);
  };
  if (all instanceof CelList) {
    for (let i = 0; i < all.size; i++) {
      const item = all.at(i);
      if (!step(BigInt(i), item, item)) return;
    }
    return;
  }
  if (!(all instanceof CelMap)) throw new CelError('no such overload');
  for (const key of all.keys()) if (!step(key, all.get(key) as CelValue, key)) return;
}

/** An error counts only when no element decides. */
function quantifier(parts: ComprehensionParts, decides: boolean): Evaluate {
  return (frame) => {
    let failure: CelError | undefined;
    let decided = false;
    each(frame, parts, () => {
      try {
        decided = bool(parts.body(frame)) === decides;
      } catch (error) {
        failure = absorbable(error, frame);
      }
      return !decided;
    });
    if (decided) return decides;
    if (failure !== undefined) throw failure;
    return !decides;
  };
}

function collect(
  parts: ComprehensionParts,
  take: (frame: Frame, key: CelValue, value: CelValue) => readonly CelValue[],
): Evaluate {
  return (frame) => {
    const found: CelValue[] = [];
    each(frame, parts, (key, value) => {
      found.push(...take(frame, key, value));
      return true;
    });
    return new ArrayList(found);
  };
}

function entries(
  parts: ComprehensionParts,
  take: (frame: Frame, key: CelValue) => readonly (readonly [CelValue, CelValue])[],
): Evaluate {
  return (frame) => {
    const found: (readonly [CelValue, CelValue])[] = [];
    each(frame, parts, (key) => {
      if (isTaken(parts, frame)) found.push(...take(frame, key));
      return true;
    });
    return new ValueMap(found);
  };
}
