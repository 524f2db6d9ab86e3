/** A namespace goes when nothing is left in it. */
import { type Checker, nameOf } from './checker.ts';

export const namespaceEmpty: Checker = {
  name: 'namespace-empty-when-gone',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      if (kind !== 'Namespace' || next !== undefined || old === undefined) return;
      const left = [...world.truth.all()].find(
        // What a controller makes at the last moment is not the namespace controller's to see.
        (object) => object.metadata.namespace === old.metadata.name && object.kind !== 'Event',
      );
      if (left !== undefined) world.violate('namespace-empty-when-gone', `${nameOf(left)} outlived its namespace`);
    });
  },
};
