/** The server's side of auditing: when what is told to the auditor. Source: apiserver/pkg/endpoints/filters/audit.go. */
import type { Ctx } from '@kapella/base';
import { type ApiResponse, readBody } from '@kapella/client';
import { attemptedMethods, type Auditor } from '../audit/auditor.ts';
import type { BodyReader } from '../audit/body.ts';
import type { UserInfo } from '../resource.ts';
import { isLongRunning } from './deadline.ts';
import type { RequestWork } from './request-work.ts';

/** false: the request must not go on, since it cannot be recorded. */
export async function beginRecord(auditor: Auditor, work: RequestWork, sender: UserInfo, ctx: Ctx): Promise<boolean> {
  work.isIdentified = true;
  work.trail = begin(auditor, work, sender, ctx);
  if (work.trail === undefined || (await work.trail.stage('RequestReceived', ctx))) return true;
  auditor.noteRejected();
  return false;
}

function begin(auditor: Auditor, work: RequestWork, user: UserInfo | undefined, ctx: Ctx) {
  const { request, info, startedMs } = work;
  const { clock } = ctx;
  if (work.auditId === '') work.auditId = ctx.random.uuid();
  const receivedMs = clock.nowMs() - (clock.monotonicMs() - startedMs);
  const trail = auditor.begin({ request, info, auditId: work.auditId, user, receivedMs });
  if (work.annotations !== undefined) {
    for (const [key, value] of Object.entries(work.annotations)) trail?.annotate(key, value);
  }
  return trail;
}

/**
 * Of an answer with a body of known length, or a stream that begins: its end is recorded by `endRecord`. Returns the
 * answer to send: a large one that is recorded whole is joined.
 */
export async function recordAnswer(
  auditor: Auditor,
  work: RequestWork,
  given: ApiResponse,
  read: BodyReader,
  ctx: Ctx,
): Promise<ApiResponse> {
  const isJoined = given.body.length !== undefined && work.trail?.wantsAnswer === true;
  const response = isJoined ? { ...given, body: await readBody(given.body, ctx) } : given;
  await record(auditor, work, response, read, ctx);
  return response;
}

async function record(
  auditor: Auditor,
  work: RequestWork,
  { status, headers, body }: ApiResponse,
  read: BodyReader,
  ctx: Ctx,
): Promise<void> {
  const type = String(headers['content-type'] ?? '');
  const bytes = body instanceof Uint8Array ? body : undefined;
  if (!work.isIdentified) {
    const trail = begin(auditor, work, undefined, ctx);
    if (status === 401) trail?.noteMessage(attemptedMethods(work.request));
    trail?.answered(status, status === 401 ? undefined : bytes, type, read);
    await trail?.stage('ResponseStarted', ctx);
    return;
  }
  const { trail } = work;
  if (trail === undefined) return;
  if (work.panic !== undefined) {
    trail.panicked(work.panic);
    await trail.stage('Panic', ctx);
    return;
  }
  trail.answered(status, bytes, type, read);
  if (isLongRunning(work.info)) await trail.stage('ResponseStarted', ctx);
  if (body.length !== undefined) await trail.stage('ResponseComplete', ctx);
}

/** A stream is over. */
export function endRecord({ trail }: RequestWork, ctx: Ctx): void {
  // A backend never rejects; nobody waits for the end of a stream.
  void trail?.stage('ResponseComplete', ctx);
}
