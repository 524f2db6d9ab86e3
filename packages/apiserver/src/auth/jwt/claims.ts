/** Who the claims of a verified token stand for. Pure. Source: apiserver/plugin/pkg/authenticator/token/oidc/oidc.go. */
import { CelList, type CelMap, type CelValue, type Program } from '@kapella/cel';
import type { UserInfo } from '../../resource.ts';
import type { ClaimOrExpression, JwtAuthenticatorConfiguration, PrefixedClaimOrExpression } from './configuration.ts';
import { type Claims, claimsValue, evaluateClaims, evaluateUser } from './expressions.ts';
import type { CompiledMappings, CompiledRule } from './validate.ts';

export const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';
const NOT_STRINGS = 'expression must return a string or a list of strings';

/** Throws Error in upstream's words where the configuration refuses the token. */
export function userOfClaims(
  configuration: JwtAuthenticatorConfiguration,
  compiled: CompiledMappings,
  claims: Claims,
): UserInfo {
  const mappings = configuration.claimMappings ?? {};
  const value = claimsValue(claims);
  const username = usernameOf(mappings.username ?? {}, compiled.username, claims, value);
  const groups = groupsOf(mappings.groups ?? {}, compiled.groups, claims, value);
  const uid = uidOf(mappings.uid ?? {}, compiled.uid, claims, value);
  const extra = extraOf(compiled, claims, value);
  for (const { claim = '', requiredValue = '' } of configuration.claimValidationRules ?? []) {
    if (claim !== '') checkRequired(claim, requiredValue, claims);
  }
  checkRules(compiled.claimRules, (program) => evaluateClaims(program, value), 'claim validation expression');
  const user = {
    username,
    ...(uid === '' ? {} : { uid }),
    groups,
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
  checkRules(compiled.userRules, (program) => evaluateUser(program, user), 'user info validation rule');
  return user;
}

function usernameOf(
  { claim = '', prefix = '' }: PrefixedClaimOrExpression,
  program: Program | undefined,
  claims: Claims,
  value: CelMap,
): string {
  if (program !== undefined) {
    const found = stringOf('username', program, value);
    if (found === '') throw new Error('oidc: empty username via CEL expression is not allowed');
    return found;
  }
  const found = explain(`oidc: parse username claims ${JSON.stringify(claim)}`, () => stringClaim(claim, claims));
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
    const isVerified = claims['email_verified'];
    if (typeof isVerified !== 'boolean') {
      throw new Error(`oidc: parse 'email_verified' claim: ${wrongType(isVerified, 'bool')}`);
    }
    if (!isVerified) throw new Error('oidc: email not verified');
  }
  return prefix + found;
}

/** Of username and uid. */
function stringOf(what: string, program: Program, value: CelMap): string {
  const found = explain(`oidc: error evaluating ${what} claim expression`, () => evaluateClaims(program, value));
  if (typeof found !== 'string') {
    throw new Error(`oidc: error evaluating ${what} claim expression: ${what} claim expression must return a string`);
  }
  return found;
}

function groupsOf(
  { claim = '', prefix = '' }: PrefixedClaimOrExpression,
  program: Program | undefined,
  claims: Claims,
  value: CelMap,
): readonly string[] {
  if (claim !== '' && Object.hasOwn(claims, claim)) {
    const found = claims[claim];
    const list = Array.isArray(found) ? found : [found];
    if (!list.every((group) => typeof group === 'string')) {
      const why = wrongType(found, 'string');
      throw new Error(`oidc: parse groups claim ${JSON.stringify(claim)}: ${why}`);
    }
    return list.map((group) => prefix + group);
  }
  if (program === undefined) return [];
  const what = 'oidc: error evaluating group claim expression';
  return explain(what, () => stringsOf(evaluateClaims(program, value)));
}

function uidOf({ claim = '' }: ClaimOrExpression, program: Program | undefined, claims: Claims, value: CelMap): string {
  if (claim !== '') return explain(`oidc: parse uid claim ${JSON.stringify(claim)}`, () => stringClaim(claim, claims));
  return program === undefined ? '' : stringOf('uid', program, value);
}

function extraOf({ extra }: CompiledMappings, claims: Claims, value: CelMap): Record<string, readonly string[]> {
  const result: Record<string, readonly string[]> = Object.create(null);
  if (typeof claims['jti'] === 'string' && claims['jti'] !== '') result[CREDENTIAL_ID] = [`JTI=${claims['jti']}`];
  for (const { key, program } of extra) {
    const found = evaluateClaims(program, value);
    const values = explain(`oidc: error evaluating extra claim expression: ${program.source}`, () => stringsOf(found));
    if (values.length > 0) result[key] = values;
  }
  return result;
}

/** A string or a list of them, without empty ones. Throws Error. */
function stringsOf(value: CelValue): readonly string[] {
  if (value === null) return [];
  const list = value instanceof CelList ? value.toArray() : [value];
  if (!list.every((item) => typeof item === 'string')) throw new Error(NOT_STRINGS);
  return (list as string[]).filter((item) => item !== '');
}

/** Only strings can be required. */
function checkRequired(claim: string, wanted: string, claims: Claims): void {
  if (!Object.hasOwn(claims, claim)) throw new Error(`oidc: required claim ${claim} not present in ID token`);
  const found = explain(`oidc: parse claim ${claim}`, () => stringClaim(claim, claims));
  if (found !== wanted) {
    throw new Error(`oidc: required claim ${claim} value does not match. Got = ${found}, want = ${wanted}`);
  }
}

function checkRules(rules: readonly CompiledRule[], evaluate: (program: Program) => CelValue, what: string): void {
  explain(`oidc: error evaluating ${what}`, () => {
    const results = rules.map((rule) => ({ ...rule, holds: evaluate(rule.program) }));
    for (const { program, message, holds } of results) {
      if (typeof holds !== 'boolean') throw new Error('validation expression must return a boolean');
      if (!holds) throw new Error(`validation expression '${program.source}' failed: ${message}`);
    }
  });
}

function stringClaim(claim: string, claims: Claims): string {
  if (!Object.hasOwn(claims, claim)) throw new Error('claim not present');
  const found = claims[claim];
  if (found === null) return '';
  if (typeof found !== 'string') throw new Error(wrongType(found, 'string'));
  return found;
}

/** As encoding/json words it. */
function wrongType(value: unknown, wanted: 'string' | 'bool'): string {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${kind} into Go value of type ${wanted}`;
}

function explain<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}
