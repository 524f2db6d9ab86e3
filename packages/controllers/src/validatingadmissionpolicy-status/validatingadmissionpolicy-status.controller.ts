/**
 * Says in the status of a ValidatingAdmissionPolicy whether its expressions fit the kinds that it matches.
 * Source: kubernetes pkg/controller/validatingadmissionpolicystatus/controller.go.
 */
import { admissionregistrationV1 } from '@kapella/api';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { KindSource } from './schemas.ts';
import { checkPolicy } from './type-check.ts';

const NAME = 'validatingadmissionpolicy-status-controller';
const CONCURRENCY_MAX = 5;

export function createPolicyStatusController({ cache, client }: ControllerDeps): Controller {
  const kind = admissionregistrationV1.ValidatingAdmissionPolicy;
  return defineController({
    name: NAME,
    primary: kind,
    concurrencyMax: CONCURRENCY_MAX,
    async reconcile(name, ctx) {
      const policy = cache.get(kind, name);
      const generation = policy?.metadata.generation ?? 0;
      if (policy === undefined || generation <= (policy.status?.observedGeneration ?? 0)) return {};
      const source = new KindSource(client, ctx);
      const { matchConstraints, paramKind } = policy.spec ?? {};
      const kinds = await source.kindsOf(matchConstraints?.resourceRules ?? []);
      const params = paramKind === undefined ? undefined : await source.typeOf(gvkOf(paramKind));
      const expressionWarnings = checkPolicy(policy, kinds, params);
      const typeChecking = expressionWarnings.length === 0 ? {} : { expressionWarnings };
      const body = {
        apiVersion: `${kind.group}/${kind.version}`,
        kind: kind.kind,
        metadata: { name },
        status: { observedGeneration: generation, typeChecking },
      };
      const options = { subresource: 'status', fieldManager: NAME, force: true };
      await client.patch(kind, { name }, { type: 'apply', body }, ctx, options);
      return {};
    },
  });
}

function gvkOf({ apiVersion = '', kind = '' }: { readonly apiVersion?: string; readonly kind?: string }) {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion, kind }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}
