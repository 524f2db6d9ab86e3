/** Expressions of authentication: over a token's claims, and over the user that came of them. Source: apiserver/pkg/authentication/cel. */
import {
  BOOL,
  CelError,
  CelList,
  CelMap,
  type CelType,
  type CelValue,
  compileExpression,
  DYN,
  formatType,
  fromJson,
  listOf,
  mapOf,
  type Program,
  STRING,
} from '@kapella/cel';
import type { UserInfo } from '../../resource.ts';

const CLAIMS: ReadonlyMap<string, CelType> = new Map([['claims', mapOf(STRING, DYN)]]);
const field = (key: string, type: CelType) => [key, { type, key }] as const;
const USER_TYPE: CelType = {
  kind: 'object',
  name: 'kubernetes.UserInfo',
  fields: new Map([
    field('username', STRING),
    field('uid', STRING),
    field('groups', listOf(STRING)),
    field('extra', mapOf(STRING, listOf(STRING))),
  ]),
};
const USER: ReadonlyMap<string, CelType> = new Map([['user', USER_TYPE]]);

/** What is wrong with it, for the field's error; or the program. */
export type CompiledExpression = { readonly program: Program } | { readonly error: string };

export function compileClaims(source: string, mustBeBool: boolean): CompiledExpression {
  return compileOver(source, CLAIMS, mustBeBool);
}

/** Of userValidationRules. */
export function compileUser(source: string): CompiledExpression {
  return compileOver(source, USER, true);
}

function compileOver(source: string, variables: ReadonlyMap<string, CelType>, mustBeBool: boolean): CompiledExpression {
  const compiled = compileExpression(source, { variables });
  if (!compiled.ok) return { error: `compilation failed: ${compiled.text}` };
  // Not even dyn will do.
  if (mustBeBool && formatType(compiled.program.type) !== formatType(BOOL)) return { error: 'must evaluate to bool' };
  return { program: compiled.program };
}

export type Claims = Readonly<Record<string, unknown>>;

/** Throws Error `expression 'X' resulted in error: why`. */
export function evaluateClaims(program: Program, claims: CelMap): CelValue {
  return evaluate(program, { claims });
}

/** Throws Error `expression 'X' resulted in error: why`. */
export function evaluateUser(program: Program, user: UserInfo): CelValue {
  const { username, uid = '', groups, extra = {} } = user;
  return evaluate(program, { user: { username, uid, groups, extra } });
}

function evaluate(program: Program, variables: Readonly<Record<string, unknown>>): CelValue {
  try {
    return program.evaluate(variables).value;
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    throw new Error(`expression '${program.source}' resulted in error: ${error.message}`, { cause: error });
  }
}

/** Numbers in claims are doubles, as Go decodes them: whole ones too. */
export function claimsValue(claims: Claims): CelMap {
  return new ClaimsMap(claims);
}

class ClaimsMap extends CelMap {
  readonly #object: Claims;
  constructor(object: Claims) {
    super();
    this.#object = object;
  }
  get size(): number {
    return Object.keys(this.#object).length;
  }
  get(key: CelValue): CelValue | undefined {
    return typeof key === 'string' && Object.hasOwn(this.#object, key) ? claimValue(this.#object[key]) : undefined;
  }
  keys(): readonly CelValue[] {
    return Object.keys(this.#object);
  }
}

class ClaimsList extends CelList {
  readonly #items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    super();
    this.#items = items;
  }
  get size(): number {
    return this.#items.length;
  }
  at(i: number): CelValue {
    return claimValue(this.#items[i]);
  }
}

function claimValue(value: unknown): CelValue {
  if (typeof value === 'number') return value;
  if (Array.isArray(value)) return new ClaimsList(value);
  return typeof value === 'object' && value !== null ? new ClaimsMap(value as Claims) : fromJson(value, DYN);
}
