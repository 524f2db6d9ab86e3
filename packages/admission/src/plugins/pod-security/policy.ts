/** Levels of Pod security and the labels that ask for them. Source: pod-security-admission/api and policy/registry.go. */
import type { FieldErrors } from '@kapella/base';
import * as baseline from './baseline.ts';
import type { Check, CheckedPod, Violation } from './check.ts';
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

/** In upstream's order: by name. */
const BASELINE: readonly Check[] = [
  baseline.appArmorProfile,
  baseline.capabilitiesBaseline,
  baseline.hostNamespaces,
  baseline.hostPathVolumes,
  baseline.hostPorts,
  baseline.hostProbes,
  baseline.privileged,
  baseline.procMount,
  baseline.seLinuxOptions,
  baseline.seccompBaseline,
  baseline.sysctls,
  baseline.windowsHostProcess,
];
/** Baseline rules that a stricter one replaces are left out. */
const REPLACED: ReadonlySet<Check> = new Set([
  baseline.capabilitiesBaseline,
  baseline.hostPathVolumes,
  baseline.seccompBaseline,
]);
const RESTRICTED: readonly Check[] = [
  ...BASELINE.filter((check) => !REPLACED.has(check)),
  restricted.allowPrivilegeEscalation,
  restricted.capabilitiesRestricted,
  restricted.restrictedVolumes,
  restricted.runAsNonRoot,
  restricted.runAsUser,
  restricted.seccompRestricted,
];

/** All violations of the level. */
export function evaluate(pod: CheckedPod, { level }: LevelVersion): readonly Violation[] {
  if (level === 'privileged') return [];
  const checks = level === 'baseline' ? BASELINE : RESTRICTED;
  return checks.map((check) => check(pod)).filter((violation) => violation !== undefined);
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
