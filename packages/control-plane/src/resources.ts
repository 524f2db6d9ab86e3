/** The resources as this server serves them: the tables, and what the generated facts add to them. */
import { createResourceFacts } from '@kapella/api';
import type { AnyDefinition } from '@kapella/apiserver';
import { resources } from '@kapella/resources';

/** Small kinds that the server itself reads with nearly every request. */
const KEPT_DECODED = new Set([
  ...['namespaces', 'roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
  ...['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
  ...['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'],
  ...['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
]);

/** `eventTtlSeconds`: how long events live; default as upstream, an hour. */
export function servedResources(eventTtlSeconds?: number): readonly AnyDefinition[] {
  const returnsDeleted = new Set(
    createResourceFacts()
      .filter((fact) => fact.returnsDeleted)
      .map((fact) => `${fact.group}/${fact.plural}`),
  );
  return resources.map((definition) => ({
    ...definition,
    ...(returnsDeleted.has(`${definition.id.group}/${definition.id.plural}`) && { returnsDeleted: true }),
    ...(KEPT_DECODED.has(definition.id.plural) && { keepDecoded: true }),
    ...(definition.ttlSeconds !== undefined && eventTtlSeconds !== undefined && { ttlSeconds: eventTtlSeconds }),
  }));
}
