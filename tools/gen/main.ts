/** Generates everything under packages/api/src/gen. A maintainer's step: see README.md. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readDiscovery, readUnions } from './discovery.ts';
import { emitFacts, emitResources } from './emit-facts.ts';
import { emitKinds } from './emit-kinds.ts';
import { emitTypes, fileNameOf } from './emit-types.ts';
import { buildModel } from './model.ts';
import { findSources } from './sources.ts';

const OUT = join(import.meta.dirname, '../../packages/api/src/gen');

function write(name: string, text: string): void {
  const path = join(OUT, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const { kubernetesDir, packages } = findSources();
const model = buildModel(packages);
for (const source of packages) write(`types/${fileNameOf(source.id)}.gen.ts`, emitTypes(model, source));
const served = packages.map((source) => ({ source, resources: readDiscovery(kubernetesDir, source) }));
write('kinds.gen.ts', emitKinds(served));
write('facts.gen.ts', emitFacts(model, readUnions(kubernetesDir)));
write('resources.gen.ts', emitResources(served));
