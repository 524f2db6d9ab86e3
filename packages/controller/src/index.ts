/** @kapella/controller: a controller-runtime for TypeScript. */
export * from './controller.ts';
export { defineController } from './define-controller.ts';
export { createExpectations, type Expectations } from './expectations.ts';
export { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';
export { runControllers } from './manager.ts';
export { controllerOf, controllerRef, isControlledBy, refersTo } from './owners.ts';
export { slowStart } from './slow-start.ts';
export { isConditionTrue, type NewCondition, withCondition } from './conditions.ts';
export * from './custom-resource/custom-resource.ts';
export * from './custom-resource/schema.ts';
export { registerWebhooks, webhookConfiguration } from './webhooks/configuration.ts';
export * from './webhooks/webhook.ts';
