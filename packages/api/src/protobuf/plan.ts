/** The message of a type, prepared once: fields by number, embedded structs as the messages they are on the wire. */
import type { Op } from '../decode/plan.ts';
import { dropsZero, isFilled, opOf } from '../decode/plan.ts';
import type { FieldFact, TypeFacts } from '../schema.ts';

export interface MessageField {
  readonly name: string;
  readonly number: number;
  readonly shape: FieldFact['shape'];
  readonly op: Op;
  readonly typeId: string;
  /** Written even when absent: not a pointer in Go. */
  readonly always: boolean;
  readonly dropZero: boolean;
}

export interface EmbeddedMessage {
  readonly number: number;
  readonly message: MessagePlan;
}

export interface MessagePlan {
  /** Fields and embedded messages, highest number first: the order of writing. */
  readonly descending: readonly (MessageField | EmbeddedMessage)[];
  readonly byNumber: ReadonlyMap<number, MessageField | EmbeddedMessage>;
}

export interface TypeMessage extends MessagePlan {
  /** What reading fills in when the wire does not have it. */
  readonly filled: readonly MessageField[];
}

export function planMessage(id: string, facts: TypeFacts): TypeMessage {
  const type = facts.type(id);
  if (type === undefined) throw new Error(`no facts about the type ${id}`);
  const fields = type.fields.filter((fact) => fact.proto > 0);
  return { ...buildMessage(fields, 0), filled: fields.filter((f) => isFilled(f, opOf(f.type))).map(fieldOf) };
}

function buildMessage(facts: readonly FieldFact[], depth: number): MessagePlan {
  const byNumber = new Map<number, MessageField | EmbeddedMessage>();
  const embedded = new Map<number, FieldFact[]>();
  for (const fact of facts) {
    const number = fact.protoPath?.[depth];
    if (number === undefined) byNumber.set(fact.proto, fieldOf(fact));
    else embedded.set(number, [...(embedded.get(number) ?? []), fact]);
  }
  for (const [number, inner] of embedded) byNumber.set(number, { number, message: buildMessage(inner, depth + 1) });
  return { descending: [...byNumber.values()].sort((a, b) => b.number - a.number), byNumber };
}

function fieldOf(fact: FieldFact): MessageField {
  const op = opOf(fact.type);
  return {
    name: fact.name,
    number: fact.proto,
    shape: fact.shape,
    op,
    typeId: fact.type,
    always: fact.pointer !== true,
    dropZero: dropsZero(fact, op),
  };
}
