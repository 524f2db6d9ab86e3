/** @kapella/local-path: volumes that are directories of the node, for the default StorageClass of a new cluster. */
export { LOCAL_PATH_CLASS, LOCAL_PATH_PROVISIONER, localPathObjects } from './objects.ts';
export { type LocalPathDisk, type LocalPathOptions, runLocalPath } from './run-local-path.ts';
