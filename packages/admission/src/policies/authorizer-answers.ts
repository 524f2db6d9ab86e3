/** Answers of the authorizer for expressions, which cannot wait: they are evaluated again when the answers are there. */
import type { AdmissionRequest, Attributes, Authorizer, Decision, ServerAccess } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import { CelError } from '@kapella/cel';

/** Service of the composition root. */
const AUTHORIZER_SERVICE = 'immediateAuthorizer';
const MEMORY_KEY = 'answers of the authorizer';

interface Answers {
  readonly known: Map<string, Decision>;
  readonly pending: Map<string, Promise<Decision>>;
  readonly ctx: Ctx;
}

/**
 * Runs `evaluate` with the request that may ask: again, as long as its expressions asked what had to be waited for.
 * It must have no effects of its own. An authorizer that has all it needs in memory is never waited for.
 */
export async function withAnswers<T>(
  request: AdmissionRequest,
  ctx: Ctx,
  evaluate: (request: AdmissionRequest) => T | Promise<T>,
): Promise<T> {
  const answers: Answers = { known: new Map(), pending: new Map(), ctx };
  // A memory of its own: what is evaluated beside it has its own questions.
  const memory = new Map<string, unknown>([...(request.memory ?? []), [MEMORY_KEY, answers]]);
  for (;;) {
    const outcome = await attempt(() => evaluate({ ...request, memory }));
    if (answers.pending.size === 0) {
      if ('error' in outcome) throw outcome.error;
      return outcome.value;
    }
    for (const [question, pending] of answers.pending) answers.known.set(question, await pending);
    answers.pending.clear();
  }
}

async function attempt<T>(
  evaluate: () => T | Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await evaluate() };
  } catch (error) {
    return { error };
  }
}

/** Throws CelError where the answer has to be waited for. */
export function answerAtOnce(attributes: Attributes, request: AdmissionRequest, server: ServerAccess): Decision {
  const answers = request.memory?.get(MEMORY_KEY) as Answers | undefined;
  if (answers === undefined) throw new CelError('the authorizer cannot be asked here');
  const question = JSON.stringify(attributes);
  const known = answers.known.get(question);
  if (known !== undefined) return known;
  const answer = server.service<Authorizer>(AUTHORIZER_SERVICE).authorize(attributes, answers.ctx);
  if (!(answer instanceof Promise)) return answer;
  answers.pending.set(question, answer);
  throw new CelError('the answer of the authorizer is waited for');
}
