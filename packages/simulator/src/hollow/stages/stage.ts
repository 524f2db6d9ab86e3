/** Stages as kwok writes them, made ready to run. Source: kwok pkg/apis/v1alpha1/stage_types.go. */
import { parseAllDocuments } from 'yaml';
import { compileTemplate, type Template } from './go-template.ts';
import { compileJq, type JqPath } from './jq.ts';

export const STAGE_API_VERSION = 'kwok.x-k8s.io/v1alpha1';
const STAGES_MAX = 1_000;

/** What a Stage does to the object, in this order. */
export interface StageNext {
  readonly event:
    | { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }
    | undefined;
  readonly finalizers: {
    readonly add: readonly string[];
    readonly remove: readonly string[];
    readonly empty: boolean;
  };
  readonly isDelete: boolean;
  readonly patches: readonly StagePatch[];
}

export interface StagePatch {
  readonly subresource: string | undefined;
  /** Key that what the template makes is put under: `status`. */
  readonly root: string | undefined;
  readonly template: Template;
  readonly type: 'merge' | 'strategic' | 'json';
}

export interface Stage {
  readonly name: string;
  readonly kind: 'Pod' | 'Node';
  matches(object: object): boolean;
  readonly weight: number;
  readonly weightFrom: JqPath | undefined;
  readonly delayMs: number;
  readonly delayFrom: JqPath | undefined;
  /** The delay is drawn from [delay, jitter]; undefined: it is just the delay. */
  readonly jitterMs: number | undefined;
  readonly jitterFrom: JqPath | undefined;
  readonly next: StageNext;
}

interface Expression {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
  readonly cel?: unknown;
  readonly jq?: { readonly key?: string; readonly operator?: string; readonly values?: readonly string[] };
}

interface From {
  readonly expressionFrom?: string;
  readonly jq?: { readonly expression?: string };
}

interface StageDocument {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string };
  readonly spec?: {
    readonly resourceRef?: { readonly apiGroup?: string; readonly kind?: string };
    readonly selector?: {
      readonly matchLabels?: Readonly<Record<string, string>>;
      readonly matchAnnotations?: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly Expression[];
    };
    readonly weight?: number;
    readonly weightFrom?: From;
    readonly delay?: {
      readonly durationMilliseconds?: number;
      readonly durationFrom?: From;
      readonly jitterDurationMilliseconds?: number;
      readonly jitterDurationFrom?: From;
    };
    readonly next?: {
      readonly event?: { readonly type?: string; readonly reason?: string; readonly message?: string };
      readonly finalizers?: {
        readonly add?: readonly { readonly value?: string }[];
        readonly remove?: readonly { readonly value?: string }[];
        readonly empty?: boolean;
      };
      readonly delete?: boolean;
      readonly statusTemplate?: string;
      readonly patches?: readonly {
        readonly subresource?: string;
        readonly root?: string;
        readonly template?: string;
        readonly type?: 'merge' | 'strategic' | 'json';
      }[];
    };
  };
}

/** All Stages of a YAML text; other kinds in it are passed over. Throws an Error that names the Stage and what is wrong. */
export function parseStages(yaml: string): readonly Stage[] {
  const documents = parseAllDocuments(yaml);
  const broken = documents.flatMap((document) => ('errors' in document ? document.errors : []))[0];
  if (broken !== undefined) throw new Error(`stages: ${broken.message}`);
  const values = documents.map(
    (document) => ('toJS' in document ? document.toJS() : undefined) as StageDocument | null,
  );
  const stages = values.filter((value): value is StageDocument => value?.kind === 'Stage');
  if (stages.length > STAGES_MAX) throw new Error(`stages: ${stages.length} of them, at most ${STAGES_MAX}`);
  return stages.map((stage) => {
    try {
      return compileStage(stage);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`stage ${stage.metadata?.name ?? '?'}: ${why}`, { cause });
    }
  });
}

function compileStage({ metadata, spec = {}, apiVersion }: StageDocument): Stage {
  if (apiVersion !== STAGE_API_VERSION) throw new Error(`apiVersion ${apiVersion} is not ${STAGE_API_VERSION}`);
  const kind = spec.resourceRef?.kind;
  if (kind !== 'Pod' && kind !== 'Node') throw new Error(`resourceRef.kind ${kind}: Pod and Node are supported`);
  const { delay = {} } = spec;
  return {
    name: metadata?.name ?? '',
    kind,
    matches: compileSelector(spec.selector),
    weight: spec.weight ?? 0,
    weightFrom: compileFrom(spec.weightFrom),
    delayMs: delay.durationMilliseconds ?? 0,
    delayFrom: compileFrom(delay.durationFrom),
    jitterMs: delay.jitterDurationMilliseconds,
    jitterFrom: compileFrom(delay.jitterDurationFrom),
    next: compileNext(spec.next),
  };
}

function compileFrom(from: From | undefined): JqPath | undefined {
  const text = from?.expressionFrom ?? from?.jq?.expression;
  if (from !== undefined && text === undefined) throw new Error('only jq expressions are supported, no CEL');
  return text === undefined ? undefined : compileJq(text);
}

type Selector = NonNullable<StageDocument['spec']>['selector'];

function compileSelector(selector: Selector): (object: object) => boolean {
  const { matchLabels = {}, matchAnnotations = {}, matchExpressions = [] } = selector ?? {};
  const equals = (field: string, wanted: Readonly<Record<string, string>>) =>
    Object.entries(wanted).map(([key, value]) => {
      const path = compileJq(`.metadata.${field}[${JSON.stringify(key)}]`);
      return (object: object) => path(object)[0] === value;
    });
  const tests = [
    ...equals('labels', matchLabels),
    ...equals('annotations', matchAnnotations),
    ...matchExpressions.map(compileExpression),
  ];
  return (object) => tests.every((test) => test(object));
}

function compileExpression(expression: Expression): (object: object) => boolean {
  const { key, operator, values = [] } = expression.jq ?? expression;
  if (key === undefined) throw new Error('a match expression has no key; CEL is not supported');
  const path = compileJq(key);
  const found = (object: object) => path(object).filter((value) => value !== null && value !== undefined);
  const isAmong = (object: object) => found(object).some((value) => values.includes(String(value)));
  switch (operator) {
    case 'In':
      return isAmong;
    case 'NotIn':
      return (object) => !isAmong(object);
    case 'Exists':
      return (object) => found(object).length > 0;
    case 'DoesNotExist':
      return (object) => found(object).length === 0;
    default:
      throw new Error(`operator ${operator}: In, NotIn, Exists and DoesNotExist are supported`);
  }
}

function compileNext(next: NonNullable<StageDocument['spec']>['next'] = {}): StageNext {
  const { event, finalizers = {}, statusTemplate, patches = [] } = next;
  const names = (items: readonly { readonly value?: string }[] = []) => items.flatMap(({ value }) => value ?? []);
  const ofStatus =
    statusTemplate === undefined
      ? []
      : [{ subresource: 'status', root: 'status', template: compileTemplate(statusTemplate), type: 'merge' } as const];
  return {
    event:
      event === undefined
        ? undefined
        : {
            type: event.type === 'Warning' ? 'Warning' : 'Normal',
            reason: event.reason ?? '',
            message: event.message ?? '',
          },
    finalizers: {
      add: names(finalizers.add),
      remove: names(finalizers.remove),
      empty: finalizers.empty === true,
    },
    isDelete: next.delete === true,
    patches: [
      ...ofStatus,
      ...patches.map(({ subresource, root, template = '', type = 'merge' }) => ({
        ...{ subresource: subresource || undefined, root: root || undefined, type },
        template: compileTemplate(template),
      })),
    ],
  };
}
