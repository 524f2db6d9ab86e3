/** CEL selectors of devices. Source: k8s.io/dynamic-resource-allocation/cel/compile.go. */
import { BOOL, CelError, CelMap, type CelValue, compileExpression, DYN, type Program, STRING } from '@kapella/cel';
import type { Device, DeviceAttribute } from '@kapella/api/types/resource-v1';
import { AllocationProblem } from './problem.ts';

const PROGRAMS_MAX = 512;
const ANSWERS_MAX = 64;

interface KnownDevice {
  readonly value: CelValue;
  /** By expression. */
  readonly answers: Map<string, boolean>;
}

/** Programs by their text, answers by device: classes and claims repeat a few, and each node asks for its devices again. */
export class DeviceSelectors {
  readonly #programs = new Map<string, Program | string>();
  /** Devices are never changed in place: a slice that is written again brings new ones. */
  readonly #devices = new WeakMap<Device, KnownDevice>();

  /** Throws AllocationProblem; `where` names class or claim, and which selector. */
  matches(expression: string, device: Device, driver: string, where: string): boolean {
    const program = this.#program(expression);
    if (typeof program === 'string') throw new AllocationProblem(`${where}: CEL compile error: ${program}`);
    try {
      const known = this.#known(device, driver);
      let answer = known.answers.get(expression);
      if (answer === undefined) {
        answer = program.evaluate({ device: known.value }).value === true;
        if (known.answers.size >= ANSWERS_MAX) known.answers.clear();
        known.answers.set(expression, answer);
      }
      return answer;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      throw new AllocationProblem(`${where}: CEL runtime error: ${error.message}`, { cause: error });
    }
  }

  #program(expression: string): Program | string {
    let program = this.#programs.get(expression);
    if (program === undefined) {
      const compiled = compileExpression(expression, {
        variables: new Map([['device', DYN]]),
        resultTypes: [BOOL, DYN],
      });
      program = compiled.ok ? compiled.program : compiled.text;
      if (this.#programs.size >= PROGRAMS_MAX) this.#programs.clear();
      this.#programs.set(expression, program);
    }
    return program;
  }

  #known(device: Device, driver: string): KnownDevice {
    let known = this.#devices.get(device);
    if (known === undefined) {
      known = { value: deviceValue(device, driver), answers: new Map() };
      this.#devices.set(device, known);
    }
    return known;
  }
}

/** A map that has an empty map for every domain that it does not know. */
class Domains extends CelMap {
  readonly #domains = new Map<string, Names>();

  set(name: string, driver: string, value: CelValue): void {
    const at = name.indexOf('/');
    const domain = at < 0 ? driver : name.slice(0, at);
    const names = this.#domains.get(domain) ?? new Names();
    names.values.set(at < 0 ? name : name.slice(at + 1), value);
    this.#domains.set(domain, names);
  }
  get size(): number {
    return this.#domains.size;
  }
  get(key: CelValue): CelValue | undefined {
    return typeof key === 'string' ? (this.#domains.get(key) ?? new Names()) : undefined;
  }
  keys(): readonly CelValue[] {
    return [...this.#domains.keys()];
  }
}

class Names extends CelMap {
  readonly values = new Map<string, CelValue>();
  get size(): number {
    return this.values.size;
  }
  get(key: CelValue): CelValue | undefined {
    return typeof key === 'string' ? this.values.get(key) : undefined;
  }
  keys(): readonly CelValue[] {
    return [...this.values.keys()];
  }
}

class Fields extends CelMap {
  readonly #fields: ReadonlyMap<string, CelValue>;
  constructor(fields: ReadonlyMap<string, CelValue>) {
    super();
    this.#fields = fields;
  }
  get size(): number {
    return this.#fields.size;
  }
  get(key: CelValue): CelValue | undefined {
    return typeof key === 'string' ? this.#fields.get(key) : undefined;
  }
  keys(): readonly CelValue[] {
    return [...this.#fields.keys()];
  }
}

/** The `device` of expressions. Throws CelError. */
function deviceValue({ attributes = {}, capacity = {}, allowMultipleAllocations }: Device, driver: string): CelValue {
  const attributeDomains = new Domains();
  for (const [name, attribute] of Object.entries(attributes)) {
    const value = attributeValue(attribute);
    if (value === undefined) throw new CelError(`attribute ${name}: unsupported attribute value`);
    attributeDomains.set(name, driver, value);
  }
  const capacityDomains = new Domains();
  for (const [name, { value }] of Object.entries(capacity)) {
    capacityDomains.set(name, driver, converted('quantity', String(value)));
  }
  return new Fields(
    new Map<string, CelValue>([
      ['driver', driver],
      ['attributes', attributeDomains],
      ['capacity', capacityDomains],
      ['allowMultipleAllocations', allowMultipleAllocations === true],
    ]),
  );
}

function attributeValue({ int, bool, string, version }: DeviceAttribute): CelValue | undefined {
  if (int !== undefined) return BigInt(int);
  if (bool !== undefined) return bool;
  if (string !== undefined) return string;
  return version === undefined ? undefined : converted('semver', version);
}

/** The language's own functions make its opaque values. */
function converted(name: 'quantity' | 'semver', text: string): CelValue {
  const compiled = compileExpression(`${name}(text)`, { variables: new Map([['text', STRING]]) });
  if (!compiled.ok) throw new Error(compiled.text);
  return compiled.program.evaluate({ text }).value;
}
