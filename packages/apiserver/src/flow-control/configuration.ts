/** What the stored objects make of the levels and schemas in effect. Source: flowcontrol/apf_controller.go. */
import type { FlowSchemaCondition } from '@kapella/api/types/flowcontrol-v1';
import { formatTime } from '@kapella/base';
import { bySequence, Classifier } from './classify.ts';
import { type Level, newLevel, queueConfigOf } from './levels.ts';
import {
  CATCH_ALL,
  EXEMPT,
  type LevelObject,
  MANDATORY_LEVELS,
  MANDATORY_SCHEMAS,
  type SchemaObject,
} from './objects.ts';

export interface Configuration {
  readonly levels: ReadonlyMap<string, Level>;
  readonly classifier: Classifier;
  /** Levels that are gone for good. */
  readonly forgotten: readonly string[];
  /** Conditions that the schemas' status should have and has not. */
  readonly conditions: ReadonlyMap<string, FlowSchemaCondition>;
}

const byName = <T extends { readonly metadata: { readonly name: string } }>(items: readonly T[], name: string): T =>
  items.find(({ metadata }) => metadata.name === name) as T;

export function digest(
  present: ReadonlyMap<string, Level>,
  levelObjects: readonly LevelObject[],
  schemaObjects: readonly SchemaObject[],
  nowMs: number,
): Configuration {
  const levels = new Map<string, Level>();
  for (const object of levelObjects) {
    if (queueConfigOf(object) === undefined) continue;
    const level = present.get(object.metadata.name) ?? newLevel(object, nowMs);
    level.configuration = object;
    level.isQuiescing = false;
    levels.set(level.name, level);
  }
  const conditions = new Map<string, FlowSchemaCondition>();
  const schemas = schemaObjects.filter((schema) => {
    const target = schema.spec.priorityLevelConfiguration.name;
    const condition = danglingCondition(schema, target, levels.has(target), nowMs);
    if (condition !== undefined) conditions.set(schema.metadata.name, condition);
    return levels.has(target);
  });
  const forgotten = keepOld(levels, present, nowMs);
  return { levels, classifier: classifierOf(schemas), forgotten, conditions };
}

/** Levels without an object stay while requests are in them, and the mandatory ones always. Returns those that go. */
function keepOld(levels: Map<string, Level>, present: ReadonlyMap<string, Level>, nowMs: number): string[] {
  const forgotten: string[] = [];
  for (const [name, level] of present) {
    if (levels.has(name)) continue;
    if (name === EXEMPT || name === CATCH_ALL) {
      levels.set(name, level);
    } else if (level.queues.isIdle && level.queues.seatsInUse === 0) forgotten.push(name);
    else {
      level.isQuiescing = true;
      levels.set(name, level);
    }
  }
  for (const object of MANDATORY_LEVELS) {
    const name = object.metadata.name;
    if (!levels.has(name)) levels.set(name, newLevel(object, nowMs));
  }
  return forgotten;
}

function classifierOf(schemas: readonly SchemaObject[]): Classifier {
  const sorted = schemas.toSorted(bySequence);
  const has = (name: string) => sorted.some(({ metadata }) => metadata.name === name);
  if (!has(EXEMPT)) sorted.unshift(byName(MANDATORY_SCHEMAS, EXEMPT));
  if (!has(CATCH_ALL)) sorted.push(byName(MANDATORY_SCHEMAS, CATCH_ALL));
  return new Classifier(sorted, byName(sorted, CATCH_ALL));
}

/** undefined: the status says so already. */
function danglingCondition(
  { status }: SchemaObject,
  target: string,
  found: boolean,
  nowMs: number,
): FlowSchemaCondition | undefined {
  const wanted = {
    type: 'Dangling',
    status: found ? 'False' : 'True',
    reason: found ? 'Found' : 'NotFound',
    message: `This FlowSchema references the PriorityLevelConfiguration object named "${target}" ${
      found ? 'and it exists' : 'but there is no such object'
    }`,
  };
  const has = status?.conditions?.find(({ type }) => type === 'Dangling');
  const isSame = has?.status === wanted.status && has.reason === wanted.reason && has.message === wanted.message;
  return isSame ? undefined : { ...wanted, lastTransitionTime: formatTime(nowMs) };
}
