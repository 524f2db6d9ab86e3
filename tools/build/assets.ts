/** Files that the program reads at run time, beside the bundle. */
export const ASSETS: readonly { readonly from: string; readonly to: string }[] = [];
