/** Webhook configurations made ready to match requests, once per revision of each. Source: apiserver/pkg/admission/plugin/webhook. */
import { compileLabelSelector, type KindRef, type LabelSelector } from '@kapella/api';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '@kapella/api/types/admissionregistration-v1';
import type { ServerAccess } from '@kapella/apiserver';
import { type CompiledCondition, compileConditions } from '../policies/conditions.ts';

export type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;
export type WebhookConfiguration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

export interface CompiledWebhook {
  readonly hook: Webhook;
  /** Tells it from all others of its kind: `configuration/webhook/index`. */
  readonly id: string;
  readonly configuration: string;
  readonly rules: readonly RuleWithOperations[];
  readonly namespaceSelector: LabelSelector;
  readonly objectSelector: LabelSelector;
  readonly conditions: readonly CompiledCondition[];
}

const compiled = new WeakMap<object, readonly CompiledWebhook[]>();

/** All webhooks of one kind of configuration, configurations in the order of their names. */
export async function webhooksOf(
  kind: KindRef<WebhookConfiguration>,
  server: ServerAccess,
): Promise<readonly CompiledWebhook[]> {
  const all = await server.list(kind);
  return all.length === 0 ? NONE : all.flatMap(compile);
}

const NONE: readonly CompiledWebhook[] = Object.freeze([]);

/** The server keeps these objects decoded: the same object is the same revision. */
function compile(configuration: WebhookConfiguration): readonly CompiledWebhook[] {
  const known = compiled.get(configuration);
  if (known !== undefined) return known;
  const { name } = configuration.metadata;
  const made = (configuration.webhooks ?? []).map(
    (hook, i): CompiledWebhook => ({
      hook,
      id: `${name}/${hook.name}/${i}`,
      configuration: name,
      rules: hook.rules ?? [],
      namespaceSelector: compileLabelSelector(hook.namespaceSelector ?? {}),
      objectSelector: compileLabelSelector(hook.objectSelector ?? {}),
      conditions: compileConditions(hook.matchConditions),
    }),
  );
  compiled.set(configuration, made);
  return made;
}
