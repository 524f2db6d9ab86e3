/** @kapella/admission: the built-in admission plugins. */
export { admissionPlugins, type PluginRow, selectPlugins } from './plugins/index.ts';
