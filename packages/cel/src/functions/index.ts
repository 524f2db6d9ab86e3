/** Every function that expressions may call, by name. A library is a row here. */
import { arithmetic } from './arithmetic.ts';
import { authorizerFunctions } from './authorizer.ts';
import { collectionFunctions } from './collections.ts';
import { kubernetesFunctions } from './kubernetes.ts';
import type { Overload } from './overload.ts';
import { stringFunctions } from './strings.ts';
import { timeFunctions } from './time.ts';

const ALL: readonly (readonly Overload[])[] = [
  arithmetic,
  timeFunctions,
  stringFunctions,
  collectionFunctions,
  kubernetesFunctions,
  authorizerFunctions,
];

export const FUNCTIONS: ReadonlyMap<string, readonly Overload[]> = Map.groupBy(ALL.flat(), ({ name }) => name);
