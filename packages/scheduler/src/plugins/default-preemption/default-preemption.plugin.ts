/** Makes room by removing less important Pods. Its rules: preemption/. Source: kubernetes …/plugins/defaultpreemption. */
import type { PluginFactory, PreemptionOptions } from '../../framework/plugin.ts';

export type DefaultPreemptionArgs = PreemptionOptions;

export const defaultPreemption: PluginFactory<DefaultPreemptionArgs> = {
  name: 'DefaultPreemption',
  create: (args) => ({ name: 'DefaultPreemption', preempts: args }),
};
