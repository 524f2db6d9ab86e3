/** Levels of Pod security and the labels that ask for them. Source: pod-security-admission/api and policy/registry.go. */
import type { FieldErrors } from '@kapella/base';
import * as baseline from './baseline.ts';
import { butForUserNamespaces, butForWindows, type Check, type CheckedPod, type Violation } from './check.ts';
import * as restricted from './restricted.ts';

export type Level = 'privileged' | 'baseline' | 'restricted';
export type Mode = 'enforce' | 'warn' | 'audit';

export interface LevelVersion {
  readonly level: Level;
  /** `latest`, `v1.30`. */
  readonly version: string;
}

const PREFIX = 'pod-security.kubernetes.io/';
const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted'];
type Labels = Readonly<Record<string, string>>;

/** A check from one minor version of 1.x on, until the next. */
type Since = readonly [minor: number, check: Check];

interface Rule {
  /** Upstream's name: checks run in the order of these, baseline ones first. */
  readonly id: string;
  readonly level: 'baseline' | 'restricted';
  readonly versions: readonly Since[];
  /** The baseline rule that this stricter one takes the place of. */
  readonly replaces?: string;
}

const rule = (id: string, level: Rule['level'], versions: readonly Since[], replaces?: string): Rule => ({
  ...{ id, level, versions },
  ...(replaces === undefined ? {} : { replaces }),
});

const RULES: readonly Rule[] = [
  rule('appArmorProfile', 'baseline', [[0, baseline.appArmorProfile]]),
  rule('capabilities_baseline', 'baseline', [[0, baseline.capabilitiesBaseline]]),
  rule('hostNamespaces', 'baseline', [[0, baseline.hostNamespaces]]),
  rule('hostPathVolumes', 'baseline', [[0, baseline.hostPathVolumes]]),
  rule('hostPorts', 'baseline', [[0, baseline.hostPorts]]),
  rule('hostProbesAndHostLifecycle', 'baseline', [[34, baseline.hostProbes]]),
  rule('privileged', 'baseline', [[0, baseline.privileged]]),
  rule('procMount', 'baseline', [
    [0, baseline.procMount],
    [35, butForUserNamespaces(baseline.procMount)],
  ]),
  rule('seLinuxOptions', 'baseline', [
    [0, baseline.seLinuxOptions(baseline.SELINUX_TYPES_OF_1_0)],
    [31, baseline.seLinuxOptions(baseline.SELINUX_TYPES_OF_1_31)],
  ]),
  rule('seccompProfile_baseline', 'baseline', [
    [0, baseline.seccompAnnotations],
    [19, baseline.seccompBaseline],
  ]),
  rule('sysctls', 'baseline', [
    [0, baseline.sysctls(baseline.SYSCTLS_OF_1_0)],
    [27, baseline.sysctls(baseline.SYSCTLS_OF_1_27)],
    [29, baseline.sysctls(baseline.SYSCTLS_OF_1_29)],
    [32, baseline.sysctls(baseline.SYSCTLS_OF_1_32)],
  ]),
  rule('windowsHostProcess', 'baseline', [[0, baseline.windowsHostProcess]]),
  rule('allowPrivilegeEscalation', 'restricted', [
    [8, restricted.allowPrivilegeEscalation],
    [25, butForWindows(restricted.allowPrivilegeEscalation)],
  ]),
  rule(
    'capabilities_restricted',
    'restricted',
    [
      [22, restricted.capabilitiesRestricted],
      [25, butForWindows(restricted.capabilitiesRestricted)],
    ],
    'capabilities_baseline',
  ),
  rule('procMount_restricted', 'restricted', [[35, baseline.procMount]], 'procMount'),
  rule('restrictedVolumes', 'restricted', [[0, restricted.restrictedVolumes]], 'hostPathVolumes'),
  rule('runAsNonRoot', 'restricted', [
    [0, restricted.runAsNonRoot],
    [35, butForUserNamespaces(restricted.runAsNonRoot)],
  ]),
  rule('runAsUser', 'restricted', [
    [23, restricted.runAsUser],
    [35, butForUserNamespaces(restricted.runAsUser)],
  ]),
  rule(
    'seccompProfile_restricted',
    'restricted',
    [
      [19, restricted.seccompRestricted],
      [25, butForWindows(restricted.seccompRestricted)],
    ],
    'seccompProfile_baseline',
  ),
];

/** Later versions ask for the same. */
const MINOR_MAX = 35;

function checksOf(level: Level, minor: number): readonly Check[] {
  const own = RULES.filter((each) => level === 'restricted' || each.level === level);
  const applied = own.flatMap(({ id, versions, replaces }) => {
    const check = versions.findLast(([since]) => since <= minor)?.[1];
    return check === undefined ? [] : [{ id, check, replaces }];
  });
  const replaced = new Set(applied.map(({ replaces }) => replaces));
  return applied.filter(({ id }) => !replaced.has(id)).map(({ check }) => check);
}

const minors = Array.from({ length: MINOR_MAX + 1 }, (_, minor) => minor);
const BASELINE = minors.map((minor) => checksOf('baseline', minor));
const RESTRICTED = minors.map((minor) => checksOf('restricted', minor));

/** All violations of the level, as that version of the policy has it. */
export function evaluate(pod: CheckedPod, { level, version }: LevelVersion): readonly Violation[] {
  if (level === 'privileged') return [];
  const byMinor = level === 'baseline' ? BASELINE : RESTRICTED;
  const own = byMinor[minorOf(version)] ?? [];
  return own.map((check) => check(pod)).filter((violation) => violation !== undefined);
}

/** What does not parse counts as the latest. */
function minorOf(version: string): number {
  const minor = /^v1\.(0|[1-9]\d*)$/.exec(version)?.[1];
  return minor === undefined ? MINOR_MAX : Math.min(Number(minor), MINOR_MAX);
}

export const describe = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
export const nameOfLevel = ({ level, version }: LevelVersion): string => `${level}:${version}`;

/** A label that does not parse counts as restricted for enforcement, as privileged for the rest. */
export function levelFor(labels: Labels = {}, mode: Mode): LevelVersion {
  const level = labels[`${PREFIX}${mode}`];
  const version = labels[`${PREFIX}${mode}-version`] ?? 'latest';
  if (level === undefined) return { level: 'privileged', version: 'latest' };
  if (isLevel(level)) return { level, version };
  return { level: mode === 'enforce' ? 'restricted' : 'privileged', version: 'latest' };
}

const isLevel = (text: string): text is Level => LEVELS.includes(text);

export function validatePolicyLabels(labels: Labels = {}, errors: FieldErrors): void {
  for (const mode of ['enforce', 'audit', 'warn'] as const) {
    const level = labels[`${PREFIX}${mode}`];
    if (level !== undefined && !isLevel(level)) {
      errors.invalid(`metadata.labels[${PREFIX}${mode}]`, level, `must be one of ${LEVELS.join(', ')}`);
    }
    const version = labels[`${PREFIX}${mode}-version`];
    if (version !== undefined && version !== 'latest' && !/^v1\.(?:0|[1-9]\d*)$/.test(version)) {
      errors.invalid(`metadata.labels[${PREFIX}${mode}-version]`, version, 'must be "latest" or "v1.x"');
    }
  }
}
