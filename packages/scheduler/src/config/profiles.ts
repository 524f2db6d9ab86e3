/** From the configuration's profiles to profiles ready to run. */
import type { PluginContext, PluginFactory, SchedulerPlugin } from '../framework/plugin.ts';
import type { Profile } from '../framework/profile.ts';
import { pluginFactories } from '../plugins/index.ts';
import { argsOf } from './args.ts';
import { pluginsOf } from './plugin-sets.ts';
import {
  ConfigError,
  type ExtensionPoint,
  type PluginEntry,
  type ProfileConfig,
  type SchedulerConfig,
} from './types.ts';

/** Throws ConfigError for a plugin that nobody knows. `more`: plugins of the caller, beside the built-in ones. */
export function buildProfiles(
  config: SchedulerConfig,
  context: PluginContext,
  more: readonly PluginFactory[] = [],
): Profile[] {
  const factories = new Map([...pluginFactories, ...more].map((factory) => [factory.name, factory]));
  return config.profiles.map((profile) => buildProfile(profile, config, context, factories));
}

function buildProfile(
  profile: ProfileConfig,
  config: SchedulerConfig,
  context: PluginContext,
  factories: ReadonlyMap<string, PluginFactory>,
): Profile {
  const made = new Map<string, SchedulerPlugin>();
  const plugin = ({ name }: PluginEntry): SchedulerPlugin => {
    let instance = made.get(name);
    if (instance === undefined) {
      const factory = factories.get(name);
      if (factory === undefined) throw new ConfigError(`plugin ${JSON.stringify(name)} does not exist`);
      instance = factory.create(withIgnored(name, argsOf(name, profile), config), context);
      made.set(name, instance);
    }
    return instance;
  };
  const sets = pluginsOf(profile.plugins);
  // Scores are worked out in preScore here: a plugin that scores is asked even where upstream's has no preScore.
  const [queueSort] = sets.queueSort.map(plugin);
  if (queueSort === undefined) throw new ConfigError('no queue sort plugin is enabled');
  const at = (point: ExtensionPoint) => sets[point].map(plugin);
  const percentage = profile.percentageOfNodesToScore ?? config.percentageOfNodesToScore;
  const built: Profile = {
    schedulerName: profile.schedulerName ?? '',
    queueSort,
    preEnqueue: at('preEnqueue'),
    preFilter: at('preFilter'),
    filter: at('filter'),
    postFilter: at('postFilter'),
    preScore: at('preScore'),
    score: sets.score.map((entry) => ({ plugin: plugin(entry), weight: entry.weight || 1 })),
    reserve: at('reserve'),
    permit: at('permit'),
    preBind: at('preBind'),
    bind: at('bind'),
    postBind: at('postBind'),
    all: [...made.values()],
  };
  return percentage === 0 ? built : { ...built, percentageOfNodesToScore: percentage };
}

/** Resources that an extender manages by itself are not looked at here. */
function withIgnored(plugin: string, args: object, { extenders }: SchedulerConfig): object {
  if (plugin !== 'NodeResourcesFit') return args;
  const ignored = extenders.flatMap(({ managedResources = [] }) =>
    managedResources.filter(({ ignoredByScheduler }) => ignoredByScheduler === true).map(({ name }) => name),
  );
  const { ignoredResources = [] } = args as { readonly ignoredResources?: readonly string[] };
  return ignored.length === 0 ? args : { ...args, ignoredResources: [...ignoredResources, ...ignored] };
}
