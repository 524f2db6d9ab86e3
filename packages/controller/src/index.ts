/** @kapella/controller: a controller-runtime for TypeScript. */
export * from './controller.ts';
export { defineController } from './define-controller.ts';
export { createExpectations, type Expectations } from './expectations.ts';
export { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';
export { runControllers } from './manager.ts';
export { controllerOf, controllerRef, isControlledBy, refersTo } from './owners.ts';
export { slowStart } from './slow-start.ts';
