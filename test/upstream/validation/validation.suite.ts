/**
 * Validation of built-in kinds beside upstream's own: good objects made wrong in one place each, created and updated, and
 * the fixtures of Pod security. Reasons, fields and messages must be the same.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';
import { mutationsOf } from './mutations.ts';
import { type OurRules, startOurRules } from './our-rules.ts';
import { SEEDS, type Seed } from './seeds.ts';
import { askUpstream, type Question, type Verdict } from './upstream-rules.ts';

/** What the server writes itself. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  ...['metadata.uid', 'metadata.resourceVersion', 'metadata.creationTimestamp', 'metadata.generation', 'status'],
  ...['metadata.managedFields', 'metadata.name', 'metadata.namespace'],
]);

interface Case {
  readonly name: string;
  readonly question: Question;
  readonly ours: Verdict;
}

/** `only`: a kind. */
export const validation: UpstreamSuite = {
  name: 'validation',
  text: "validation of built-in kinds beside upstream's rules, on thousands of objects wrong in one place",
  async run({ only, results }) {
    const rules = await startOurRules();
    const seeds = SEEDS.filter(({ kind }) => only === undefined || kind === only);
    const cases: Case[] = [];
    for (const seed of seeds) cases.push(...(await casesOf(seed, rules)));
    rules.close();
    const verdicts = await askUpstream(cases.map(({ question }) => question));
    const failures: { name: string; why: string }[] = [];
    let passed = 0;
    cases.forEach(({ name, ours }, i) => {
      const theirs = verdicts[i] as Verdict;
      if (theirs.broken !== undefined) return;
      const why = difference(ours, theirs);
      if (why === undefined) passed++;
      else failures.push({ name, why });
    });
    mkdirSync(results, { recursive: true });
    const text = failures.map(({ name, why }) => `${name}\n${why}\n`).join('\n');
    writeFileSync(join(results, 'differences.txt'), text);
    return { passed, failures } satisfies SuiteResult;
  },
};

async function casesOf(seed: Seed, rules: OurRules): Promise<Case[]> {
  const { kind } = seed;
  const cases: Case[] = [];
  for (const { what, object } of [{ what: 'as it is', object: seed }, ...mutationsOf(seed, OWN_FIELDS)]) {
    const ours = await rules.create(object as Seed);
    cases.push({ name: `create ${kind}: ${what}`, question: { op: 'create', object }, ours });
  }
  const old = await rules.store(seed);
  for (const { what, object } of mutationsOf(old, OWN_FIELDS)) {
    const ours = await rules.update(object as Seed);
    cases.push({ name: `update ${kind}: ${what}`, question: { op: 'update', object, old }, ours });
  }
  return cases;
}

/** undefined: both say the same. */
function difference(ours: Verdict, theirs: Verdict): string | undefined {
  const [ourCauses, theirCauses] = [ours.causes.map(plain), theirs.causes.map(plain)];
  const [own, other] = [new Set(ourCauses), new Set(theirCauses)];
  const more = ourCauses.filter((cause) => !other.has(cause)).map((cause) => `  only ours:   ${cause}`);
  const less = theirCauses.filter((cause) => !own.has(cause)).map((cause) => `  only theirs: ${cause}`);
  const isSameReason = ours.reason === theirs.reason;
  const reasons = isSameReason
    ? []
    : [`  reason ${ours.reason || 'none'} (${ours.message}), not ${theirs.reason || 'none'}`];
  const all = [...reasons, ...more, ...less];
  return all.length === 0 ? undefined : all.join('\n');
}

/** Without what Go prints of its own structs: names of its fields, and differences between two of them. */
function plain(cause: string): string {
  const [first = ''] = cause.split('\n');
  return first.replace(/((?:Invalid|Unsupported|Duplicate) value: )(?:\{.*\}|\[.*\])(?=: |$)/, '$1…');
}
