/** What the devices of one claim must have in common, or must not. Source: …/structured/internal/incubating constraint.go. */
import type { DeviceAttribute, DeviceConstraint } from '@kapella/api/types/resource-v1';
import type { UsableDevice } from './pools.ts';

interface Row {
  readonly constraint: DeviceConstraint;
  /** Values of the attribute of the devices picked so far. */
  readonly values: string[];
}

export class Constraints {
  readonly #rows: readonly Row[];

  constructor(constraints: readonly DeviceConstraint[]) {
    this.#rows = constraints.map((constraint) => ({ constraint, values: [] }));
  }

  allows(request: string, device: UsableDevice): boolean {
    return this.#rows.every(({ constraint, values }) => {
      if (!concerns(constraint, request)) return true;
      const value = valueFor(constraint, device);
      if (value === undefined) return false;
      return constraint.matchAttribute === undefined
        ? !values.includes(value)
        : values.every((other) => other === value);
    });
  }

  add(request: string, device: UsableDevice): void {
    for (const { constraint, values } of this.#rows) {
      const value = valueFor(constraint, device);
      if (concerns(constraint, request) && value !== undefined) values.push(value);
    }
  }

  /** The last that was added. */
  remove(request: string, device: UsableDevice): void {
    for (const { constraint, values } of this.#rows) {
      if (concerns(constraint, request) && valueFor(constraint, device) !== undefined) values.pop();
    }
  }
}

/** No requests named means all; the name of a request stands for its alternatives too. */
function concerns({ requests = [] }: DeviceConstraint, request: string): boolean {
  return requests.length === 0 || requests.includes(request) || requests.includes(request.split('/')[0] ?? '');
}

/** Type and value; undefined when the device has no such attribute. */
function valueFor({ matchAttribute, distinctAttribute }: DeviceConstraint, { device, driver }: UsableDevice) {
  const name = matchAttribute ?? distinctAttribute ?? '';
  const { attributes = {} } = device;
  const short = name.startsWith(`${driver}/`) ? name.slice(driver.length + 1) : name;
  const attribute: DeviceAttribute | undefined = Object.hasOwn(attributes, name)
    ? attributes[name]
    : Object.hasOwn(attributes, short)
      ? attributes[short]
      : undefined;
  return attribute === undefined ? undefined : JSON.stringify(attribute);
}
