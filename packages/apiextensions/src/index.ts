/** @kapella/apiextensions: what CustomResourceDefinitions bring about: their names, their resources, their clean-up. */
export { createCustomResources, type CustomResources } from './serving/custom-resources.ts';
