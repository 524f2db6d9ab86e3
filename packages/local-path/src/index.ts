/** @kapella/local-path: volumes that are directories of the node, for the default StorageClass of a new cluster. */
export { createLocalPath, type LocalPathDisk, type LocalPathOptions } from './local-path.ts';
export { LOCAL_PATH_CLASS, LOCAL_PATH_PROVISIONER, localPathObjects } from './objects.ts';
