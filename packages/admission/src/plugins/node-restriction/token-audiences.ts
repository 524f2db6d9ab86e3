/** Audiences for which a node may ask tokens: those that its Pods name. Source: kubernetes plugin/pkg/admission/noderestriction. */
import { coreV1, storageV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';

/** The composition root's service. */
interface Authorizer {
  authorize(question: object, ctx: Ctx): Promise<{ readonly decision: string; readonly error?: string }>;
}

/** Why the node may not ask for these; undefined: it may. */
export async function audienceProblem(
  request: AdmissionRequest,
  pod: Pod,
  server: ServerAccess,
  ctx: Ctx,
): Promise<string | undefined> {
  const audiences = (request.object?.spec?.audiences ?? []) as readonly string[];
  if (audiences.length > 1) return 'node may only request 0 or 1 audiences';
  const [audience = ''] = audiences;
  if (await podNames(pod, audience, server)) return undefined;
  const { user, namespace, name } = request;
  const question = {
    ...{ user, verb: 'request-serviceaccounts-token-audience', isResource: true, group: '', version: 'v1' },
    // As upstream has it: the audience is the resource, the service account its name.
    ...{ resource: audience, subresource: '', namespace, name, path: '' },
  };
  const { decision, error } = await server.service<Authorizer>('authorizer').authorize(question, ctx);
  if (decision === 'allow') return undefined;
  const what = `audience ${JSON.stringify(audience)} not found in pod spec volume`;
  return error === undefined
    ? `${what}, ${user.username} is not authorized to request tokens for this audience`
    : `${what}, error authorizing ${user.username} to request tokens for this audience: ${error}`;
}

/** In a projected volume, or by the driver of one of its volumes. */
async function podNames(pod: Pod, audience: string, server: ServerAccess): Promise<boolean> {
  const volumes = pod.spec.volumes ?? [];
  const projected = volumes.flatMap((volume) => volume.projected?.sources ?? []);
  if (projected.some(({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience)) {
    return true;
  }
  for (const volume of volumes) {
    const claim =
      volume.persistentVolumeClaim?.claimName ??
      (volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`);
    const driver =
      claim === undefined ? volume.csi?.driver : await driverOfClaim(pod.metadata.namespace, claim, server);
    if (driver === undefined) continue;
    const found = await server.get(storageV1.CSIDriver, '', driver);
    if (found?.spec.tokenRequests?.some((tokenRequest) => tokenRequest.audience === audience) === true) return true;
  }
  return false;
}

async function driverOfClaim(
  namespace: string | undefined,
  name: string,
  server: ServerAccess,
): Promise<string | undefined> {
  const claim = await server.get(coreV1.PersistentVolumeClaim, namespace ?? '', name);
  const volumeName = claim?.spec?.volumeName ?? '';
  const volume = volumeName === '' ? undefined : await server.get(coreV1.PersistentVolume, '', volumeName);
  return volume?.spec?.csi?.driver;
}
