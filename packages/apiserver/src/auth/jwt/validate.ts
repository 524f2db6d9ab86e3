/** Checks AuthenticationConfiguration and compiles its expressions. Source: apiserver/pkg/apis/apiserver/validation/validation.go. */
import { regexError, validateDns1123Subdomain } from '@kapella/api';
import type { FieldErrors } from '@kapella/base';
import { type Program, usesField } from '@kapella/cel';
import { parseGoUrl } from '../config/go-url.ts';
import type {
  AuthenticationConfiguration,
  ClaimValidationRule,
  Issuer,
  JwtAuthenticatorConfiguration,
  PrefixedClaimOrExpression,
} from './configuration.ts';
import { compileClaims, compileUser } from './expressions.ts';
import { hasCertificates } from './pem.ts';

const AUTHENTICATORS_MAX = 64;
const MATCH_ANY = 'MatchAny';
const PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

/** A rule's expression with what is said when it does not hold. */
export interface CompiledRule {
  readonly program: Program;
  readonly message: string;
}

/** The expressions of one JWT authenticator. */
export interface CompiledMappings {
  username?: Program;
  groups?: Program;
  uid?: Program;
  readonly extra: { readonly key: string; readonly program: Program }[];
  readonly claimRules: CompiledRule[];
  readonly userRules: CompiledRule[];
}

/** Adds all that is wrong to `errors`; the result is of use only when nothing was. `disallowed`: this server's own issuers. */
export function validateAuthentication(
  configuration: AuthenticationConfiguration,
  disallowed: readonly string[],
  errors: FieldErrors,
): readonly CompiledMappings[] {
  const { jwt = [], anonymous } = configuration;
  if (jwt.length > AUTHENTICATORS_MAX) {
    errors.tooMany('jwt', jwt.length, AUTHENTICATORS_MAX);
    return [];
  }
  const issuers = new Set<string>();
  const discoveries = new Set<string>();
  const compiled = jwt.map((authenticator, i) => {
    const mappings = validateAuthenticator(authenticator, `jwt[${i}]`, disallowed, errors);
    const { url = '', discoveryURL = '' } = authenticator.issuer ?? {};
    if (issuers.has(url)) errors.duplicate(`jwt[${i}].issuer.url`, url);
    issuers.add(url);
    if (discoveryURL !== '') {
      if (discoveries.has(discoveryURL)) errors.duplicate(`jwt[${i}].issuer.discoveryURL`, discoveryURL);
      discoveries.add(discoveryURL);
    }
    return mappings;
  });
  if (anonymous !== undefined && anonymous.enabled !== true && (anonymous.conditions ?? []).length > 0) {
    const why = 'enabled should be set to true when conditions are defined';
    // Shown as Go prints the internal type.
    const shown = (anonymous.conditions ?? []).map(({ path = '' }) => ({ Path: path }));
    errors.invalid('anonymous.conditions', shown, why);
  }
  return compiled;
}

function validateAuthenticator(
  {
    issuer = {},
    claimValidationRules = [],
    claimMappings = {},
    userValidationRules = [],
  }: JwtAuthenticatorConfiguration,
  path: string,
  disallowed: readonly string[],
  errors: FieldErrors,
): CompiledMappings {
  const mappings: CompiledMappings = { extra: [], claimRules: [], userRules: [] };
  validateIssuer(issuer, `${path}.issuer`, disallowed, errors);
  validateClaimRules(claimValidationRules, `${path}.claimValidationRules`, mappings, errors);
  validateMappings(claimMappings, `${path}.claimMappings`, mappings, errors);
  const seen = new Set<string>();
  for (const [i, { expression = '', message = '' }] of userValidationRules.entries()) {
    const at = `${path}.userValidationRules[${i}].expression`;
    if (expression === '') errors.required(at);
    else if (seen.has(expression)) errors.duplicate(at, expression);
    else {
      seen.add(expression);
      const program = added(compileUser(expression), at, expression, errors);
      if (program !== undefined) mappings.userRules.push({ program, message });
    }
  }
  return mappings;
}

function added(
  compiled: ReturnType<typeof compileUser>,
  path: string,
  expression: string,
  errors: FieldErrors,
): Program | undefined {
  if ('program' in compiled) return compiled.program;
  errors.invalid(path, expression, compiled.error);
  return undefined;
}

function validateIssuer(issuer: Issuer, path: string, disallowed: readonly string[], errors: FieldErrors): void {
  const { url = '', discoveryURL = '', certificateAuthority = '', egressSelectorType = '' } = issuer;
  if (url === '') errors.required(`${path}.url`);
  else validateUrl(url, `${path}.url`, disallowed, errors);
  if (discoveryURL !== '') {
    const bare = (text: string) => text.replace(/\/+$/, '');
    if (url !== '' && bare(url) === bare(discoveryURL)) {
      errors.invalid(`${path}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL');
    }
    validateUrl(discoveryURL, `${path}.discoveryURL`, [], errors);
  }
  validateAudiences(issuer, path, errors);
  if (certificateAuthority !== '' && !hasCertificates(certificateAuthority)) {
    const why = 'data does not contain any valid RSA or ECDSA certificates';
    errors.invalid(`${path}.certificateAuthority`, '<omitted>', why);
  }
  if (!['', 'controlplane', 'cluster'].includes(egressSelectorType)) {
    const why = 'egress selector must be either controlplane or cluster';
    errors.invalid(`${path}.egressSelectorType`, egressSelectorType, why);
  }
}

function validateUrl(text: string, path: string, disallowed: readonly string[], errors: FieldErrors): void {
  if (disallowed.includes(text)) {
    const list = disallowed.toSorted().join(' ');
    errors.invalid(path, text, `URL must not overlap with disallowed issuers: [${list}]`);
  }
  let url: ReturnType<typeof parseGoUrl>;
  try {
    url = parseGoUrl(text);
  } catch (error) {
    errors.invalid(path, text, (error as Error).message);
    return;
  }
  if (url.scheme !== 'https') errors.invalid(path, text, 'URL scheme must be https');
  if (url.userInfo !== undefined) errors.invalid(path, text, 'URL must not contain a username or password');
  if (url.query !== '') errors.invalid(path, text, 'URL must not contain a query');
  if (url.fragment !== '') errors.invalid(path, text, 'URL must not contain a fragment');
}

function validateAudiences(
  { audiences = [], audienceMatchPolicy = '' }: Issuer,
  path: string,
  errors: FieldErrors,
): void {
  const at = `${path}.audiences`;
  if (audiences.length === 0) {
    errors.required(at, `at least one ${at} is required`);
    return;
  }
  const seen = new Set<string>();
  for (const [i, audience] of audiences.entries()) {
    if (!audience) errors.required(`${at}[${i}]`);
    if (seen.has(audience)) errors.duplicate(`${at}[${i}]`, audience);
    seen.add(audience);
  }
  const policyPath = `${path}.audienceMatchPolicy`;
  if (audiences.length > 1 && audienceMatchPolicy !== MATCH_ANY) {
    errors.invalid(policyPath, audienceMatchPolicy, 'audienceMatchPolicy must be MatchAny for multiple audiences');
  }
  if (audiences.length === 1 && audienceMatchPolicy !== '' && audienceMatchPolicy !== MATCH_ANY) {
    const why = 'audienceMatchPolicy must be empty or MatchAny for single audience';
    errors.invalid(policyPath, audienceMatchPolicy, why);
  }
}

function validateClaimRules(
  rules: readonly ClaimValidationRule[],
  path: string,
  mappings: CompiledMappings,
  errors: FieldErrors,
): void {
  const claims = new Set<string>();
  const expressions = new Set<string>();
  for (const [i, rule] of rules.entries()) {
    const { claim = '', expression = '' } = rule;
    const at = `${path}[${i}]`;
    if (claim !== '' && expression !== '') errors.invalid(at, claim, "claim and expression can't both be set");
    else if (claim !== '') validateClaim(rule, claim, at, claims, errors);
    else if (expression === '') errors.required(at, 'claim or expression is required');
    else validateExpression(rule, expression, at, expressions, mappings, errors);
  }
}

function validateClaim(
  { message = '' }: ClaimValidationRule,
  claim: string,
  at: string,
  seen: Set<string>,
  errors: FieldErrors,
): void {
  if (message !== '') errors.invalid(`${at}.message`, message, 'may not be specified when claim is set');
  if (seen.has(claim)) errors.duplicate(`${at}.claim`, claim);
  seen.add(claim);
}

function validateExpression(
  { requiredValue = '', message = '' }: ClaimValidationRule,
  expression: string,
  at: string,
  seen: Set<string>,
  mappings: CompiledMappings,
  errors: FieldErrors,
): void {
  const why = 'may not be specified when expression is set';
  if (requiredValue !== '') errors.invalid(`${at}.requiredValue`, requiredValue, why);
  if (seen.has(expression)) {
    errors.duplicate(`${at}.expression`, expression);
    return;
  }
  seen.add(expression);
  const program = added(compileClaims(expression, true), `${at}.expression`, expression, errors);
  if (program !== undefined) mappings.claimRules.push({ program, message });
}

function validateMappings(
  { username = {}, groups = {}, uid = {}, extra = [] }: NonNullable<JwtAuthenticatorConfiguration['claimMappings']>,
  path: string,
  mappings: CompiledMappings,
  errors: FieldErrors,
): void {
  const usernameProgram = prefixedProgram(username, `${path}.username`, true, errors);
  if (usernameProgram !== undefined) mappings.username = usernameProgram;
  const groupsProgram = prefixedProgram(groups, `${path}.groups`, false, errors);
  if (groupsProgram !== undefined) mappings.groups = groupsProgram;
  if (uid.claim && uid.expression) errors.invalid(`${path}.uid`, '', "claim and expression can't both be set");
  else if (uid.expression) {
    const program = added(compileClaims(uid.expression, false), `${path}.uid.expression`, uid.expression, errors);
    if (program !== undefined) mappings.uid = program;
  }
  validateExtra(extra, `${path}.extra`, mappings, errors);
  checkEmail(`${path}.username.expression`, mappings, errors);
}

/** Whoever may write any address into his account must not become its owner. */
function checkEmail(path: string, { username, claimRules, extra }: CompiledMappings, errors: FieldErrors): void {
  const source = username?.source ?? '';
  if (!usesField(source, 'claims', 'email')) return;
  const sources = [source, ...[...claimRules, ...extra].map(({ program }) => program.source)];
  if (sources.some((text) => usesField(text, 'claims', 'email_verified'))) return;
  const why =
    'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression ' +
    'or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression';
  errors.invalid(path, source, why);
}

function prefixedProgram(
  { claim = '', expression = '', prefix }: PrefixedClaimOrExpression,
  path: string,
  isRequired: boolean,
  errors: FieldErrors,
): Program | undefined {
  if (claim !== '' && expression !== '') errors.invalid(path, '', "claim and expression can't both be set");
  else if (expression !== '') {
    const why = 'may not be specified when expression is set';
    if (prefix !== undefined) errors.invalid(`${path}.prefix`, prefix, why);
    return added(compileClaims(expression, false), `${path}.expression`, expression, errors);
  } else if (claim !== '') {
    const why = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing';
    if (prefix === undefined) errors.required(`${path}.prefix`, why);
  } else if (isRequired) errors.required(path, 'claim or expression is required');
  return undefined;
}

function validateExtra(
  extra: readonly { readonly key?: string; readonly valueExpression?: string }[],
  path: string,
  mappings: CompiledMappings,
  errors: FieldErrors,
): void {
  const seen = new Set<string>();
  for (const [i, { key = '', valueExpression = '' }] of extra.entries()) {
    const at = `${path}[${i}]`;
    validateExtraKey(key, `${at}.key`, errors);
    if (seen.has(key)) {
      errors.duplicate(`${at}.key`, key);
      continue;
    }
    seen.add(key);
    if (valueExpression === '') {
      errors.required(`${at}.valueExpression`);
      continue;
    }
    const program = added(compileClaims(valueExpression, false), `${at}.valueExpression`, valueExpression, errors);
    if (program !== undefined) mappings.extra.push({ key, program });
  }
}

function validateExtraKey(key: string, path: string, errors: FieldErrors): void {
  const slash = key.indexOf('/');
  const [domain, rest] = slash < 0 ? ['', ''] : [key.slice(0, slash), key.slice(slash + 1)];
  if (key === '') errors.required(path);
  else if (domain === '' || rest === '') {
    errors.invalid(path, key, 'must be a domain-prefixed path (such as "acme.io/foo")');
  } else {
    for (const why of validateDns1123Subdomain(domain)) errors.invalid(path, domain, why);
    if (!new RegExp(`^${PATH}$`).test(rest)) errors.invalid(path, rest, regexError('Invalid path', PATH));
  }
  if (key !== key.toLowerCase()) errors.invalid(path, key, 'must be lowercase');
  if (['kubernetes.io', 'k8s.io'].some((own) => domain === own || domain.endsWith(`.${own}`))) {
    errors.invalid(path, key, 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use');
  }
}
